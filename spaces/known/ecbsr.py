"""ECBSR in its inference form."""

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class ECBSR(Skeleton):
    """ECBSR-M16C64 (Zhang et al. 2021) in its inference form: each edge-oriented block is one 3 x 3 convolution.

    Differs in three ways: RGB in and out instead of one channel; one slope per PReLU instead of one per channel; the
    one learned gain beside the image-space residual. ``{name: native, branches: ecbsr}`` as operation trains the blocks
    as blocks.
    """

    example = {"channels": 8, "body": ["chain"]}

    channels: PositiveInt = 64
    activation: Activation = "prelu"
    body: Body = ({"block": "chain", "length": 16},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)
    image_residual: ImageResidual = "nearest"
