"""ABPN."""

from pydantic import PositiveInt

from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class ABPN(Skeleton):
    """ABPN (Du et al. 2021): a plain net for int8 on phones that learns what to add to the repeated input.

    As published, except for the one learned gain beside the image-space residual.
    """

    example = {"channels": 8, "body": ["chain"]}

    channels: PositiveInt = 28
    body: Body = ({"block": "chain", "length": 4},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    upsample: Convolutions = ("conv3x3", "conv3x3")  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ("upsample",)
    image_residual: ImageResidual = "nearest"
