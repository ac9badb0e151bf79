"""SRResNet."""

from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class SRResNet(Skeleton):
    """SRResNet (Ledig et al. 2017) in the modified form of ESRGAN's code (Wang et al. 2018), MSRResNet.

    That form, to which the published 1,518 K parameters belong, has 3 x 3 convolutions at both ends, one more
    convolution at full resolution, no Batch Norm, no skip and no convolution after the body; it adds the bilinearly
    enlarged image. Differs in two ways: PReLU with one slope, as in SRResNet, instead of ReLU and leaky ReLU; the one
    learned gain beside the image-space residual.
    """

    example = {"channels": 8, "body": ["residual"]}

    channels: PositiveInt = 64
    activation: Activation = "prelu"
    body: Body = ({"block": "residual", "repeat": 16},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    upsampler: Literal["pixel-shuffle", "two-step"] = "two-step"
    upsample_to: Literal["image", "features"] = "features"
    tail: Convolutions = ("conv3x3", "conv3x3")  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ("body", "tail")
    image_residual: ImageResidual = "bilinear"
