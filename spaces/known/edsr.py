"""EDSR-baseline."""

from typing import Literal

from pydantic import PositiveInt

from qnas.spaces.skeleton import Body, Convolutions, Skeleton


class EDSRBaseline(Skeleton):
    """EDSR-baseline (Lim et al. 2017): 16 residual blocks without Batch Norm.

    As published, but without subtracting the mean colour, which changes no count.
    """

    example = {"channels": 8, "body": ["residual"]}

    channels: PositiveInt = 64
    body: Body = ({"block": "residual", "repeat": 16},)  # type: ignore[assignment]
    upsampler: Literal["pixel-shuffle", "two-step"] = "two-step"
    upsample_to: Literal["image", "features"] = "features"
    tail: Convolutions = ("conv3x3",)  # type: ignore[assignment]
