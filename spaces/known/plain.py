"""Known networks that are one plain chain of convolutions."""

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class ESPCN(Skeleton):
    """ESPCN (Shi et al. 2016): three convolutions and a pixel shuffle.

    As published, but for RGB in and out instead of one channel: 37,056 weights at x4.
    """

    channels: PositiveInt = 64
    activation: Activation = "tanh"
    head: Convolutions = ("conv5x5",)  # type: ignore[assignment]
    body: Body = ({"block": "chain", "channels": 32},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)


class FSRCNN(Skeleton):
    """FSRCNN (Dong et al. 2016) with d = 56, s = 12, m = 4: shrink, map on few channels, expand.

    Differs in three ways: RGB in and out instead of one channel; a 3 x 3 convolution with pixel shuffle instead of the
    9 x 9 transposed convolution; one slope a PReLU instead of one a channel.
    """

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


class ECBSR(Skeleton):
    """ECBSR-M16C64 (Zhang et al. 2021) in its inference form: each edge-oriented block is one 3 x 3 convolution.

    Differs in three ways: RGB in and out instead of one channel; one slope a PReLU instead of one a channel; the one
    learned gain beside the image-space residual.
    """

    channels: PositiveInt = 64
    activation: Activation = "prelu"
    body: Body = ({"block": "chain", "length": 16},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)
    image_residual: ImageResidual = "nearest"


class ABPN(Skeleton):
    """ABPN (Du et al. 2021): a plain net for int8 on phones that learns what to add to the repeated input.

    As published, but for the one learned gain beside the image-space residual.
    """

    channels: PositiveInt = 28
    body: Body = ({"block": "chain", "length": 4},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    upsample: Convolutions = ("conv3x3", "conv3x3")  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ("upsample",)
    image_residual: ImageResidual = "nearest"
