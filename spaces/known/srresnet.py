"""SRResNet."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PositiveInt

from qnas.core.components import Activation
from qnas.spaces.foreign.naming import Naming, in_blocks
from qnas.spaces.image_residual import ImageResidual
from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton

_SOURCE = "XPixelGroup/BasicSR, basicsr/archs/srresnet_arch.py and arch_util.py"


class SRResNet(Skeleton):
    """SRResNet (Ledig et al. 2017) in the modified form of ESRGAN's code (Wang et al. 2018), MSRResNet.

    That form, to which the published 1,518 K parameters belong, has 3 x 3 convolutions at both ends, one more
    convolution at full resolution, no Batch Norm, no skip and no convolution after the body; it adds the bilinearly
    enlarged image. Differs in two ways: PReLU with one slope, as in SRResNet, instead of ReLU and leaky ReLU; the one
    learned gain beside the image-space residual. The weights of BasicSR's make the slopes those of its ReLU and
    leaky ReLU, and the gain 1.
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

    def namings(self, scale: int) -> Sequence[Naming]:
        """See :meth:`.WithWeights.namings`."""
        count, steps = len(self.blocks()), 2 if scale == 4 and self.upsampler == "two-step" else 1
        blocks = in_blocks(count, "body.{}", "body.{}.body", {"conv1": "0", "conv2": "1"}, first=0)
        ends = {"conv_first": "head.0", "conv_hr": "tail.0", "conv_last": "tail.1"}
        ups = {f"upconv{step + 1}": f"upsample.{2 * step}" for step in range(steps)}
        slopes = dict.fromkeys(["tail.0", "tail.1", *list(ups.values())[1:]], 0.1)
        slopes |= {f"body.{i}.body.1": 0.0 for i in range(count)}
        constants = {f"{path}.activation.activation.weight": slope for path, slope in slopes.items()}
        constants |= {"enter.weight": 0.1, "gain.value": 1.0}
        return [Naming(_SOURCE, blocks | ends | ups, constants=constants, last="tail.1")]
