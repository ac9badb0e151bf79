"""FSRCNN."""

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class FSRCNN(Skeleton):
    """FSRCNN (Dong et al. 2016) with d = 56, s = 12, m = 4: shrink, map on few channels, expand.

    Differs in three ways: RGB in and out instead of one channel; a 3 x 3 convolution with pixel shuffle instead of the
    9 x 9 transposed convolution; one slope per PReLU instead of one per channel.
    """

    example = {
        "channels": 8,
        "body": [{"block": "chain", "channels": 4}, "chain", {"block": "chain", "channels": 8}],
    }

    channels: PositiveInt = 56
    activation: Activation = "prelu"
    head: Convolutions = ("conv5x5",)  # type: ignore[assignment]
    body: Body = (
        {"block": "chain", "channels": 12, "native": "conv1x1"},
        {"block": "chain", "length": 4},
        {"block": "chain", "channels": 56, "native": "conv1x1"},
    )  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)
