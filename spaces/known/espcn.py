"""ESPCN."""

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class ESPCN(Skeleton):
    """ESPCN (Shi et al. 2016): three convolutions and a pixel shuffle.

    As published, except for RGB in and out instead of one channel: 37,056 weights at x4.
    """

    example = {"channels": 8, "body": [{"block": "chain", "channels": 6}]}

    channels: PositiveInt = 64
    activation: Activation = "tanh"
    head: Convolutions = ("conv5x5",)  # type: ignore[assignment]
    body: Body = ({"block": "chain", "channels": 32},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)
