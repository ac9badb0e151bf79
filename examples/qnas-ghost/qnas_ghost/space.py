"""Ghost modules for super-resolution.

Han et al. 2020, "GhostNet: More Features from Cheap Operations", arXiv 1911.11907.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import qnas
import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

_RGB = 3
_START_GAIN = 0.1


class GhostSpace(qnas.Space):
    """A head, Ghost bottlenecks with a skip around them, and a convolution with pixel shuffle.

    A bottleneck is two Ghost modules, one that widens and one that narrows again, beside the identity. The roles are
    ``head``, ``primary``, ``cheap`` and ``upsample``; an example of a path is ``blocks.0.body.widen.primary``.

    Note:
        As in other SR networks, there is no squeeze and excitation, and no Batch Norm unless ``residual`` adds it.

    Attributes:
        channels: Width of the network; a multiple of ``ratio``.
        blocks: Number of bottlenecks.
        ratio: Output channels of a Ghost module, as a multiple of the channels that its primary part makes.
        expansion: Width inside a bottleneck, as a multiple of its outer width.
        residual: How a bottleneck's input is added to its output.
        image_residual: Whether to add the upscaled image to the network's output, which is first multiplied by one
            learned number. A network with few bits then only has to produce the detail.
    """

    # The candidates of each role by default. A spec can name "native" and others too.
    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "head": ("conv3x3", "conv5x5"),
        "primary": ("conv1x1", "conv3x3", "partial3x3"),
        "cheap": ("depthwise3x3", "depthwise5x5"),
        "upsample": ("conv3x3", "conv5x5"),
    }
    example: ClassVar[Mapping[str, Any]] = {"channels": 8, "blocks": 1}

    channels: PositiveInt = 32
    blocks: PositiveInt = 4
    ratio: Annotated[int, Field(ge=2)] = 2
    expansion: PositiveInt = 2
    residual: qnas.Residual = "plain"  # type: ignore[assignment]  # qnas makes a residual of the name
    image_residual: bool = True

    @model_validator(mode="after")
    def _whole_channels(self) -> Self:
        if self.channels % self.ratio:
            message = f"must be a multiple of the ratio {self.ratio} (got {self.channels})"
            qnas.invalid("GhostSpace", message, self.channels, "channels")
        return self

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        return GhostNetwork(self, scale)


class GhostNetwork(nn.Module):
    """The network with open slots."""

    def __init__(self, space: GhostSpace, scale: int) -> None:
        super().__init__()
        channels, wide, ratio = space.channels, space.channels * space.expansion, space.ratio
        # Nothing comes before the first slot, and an image is never negative.
        self.head = qnas.Slot("head", _RGB, channels, activation="none", signed=False)
        bottlenecks = (GhostBottleneck(channels, wide, ratio) for _ in range(space.blocks))
        self.blocks = nn.Sequential(*(space.residual.wrap(bottleneck, channels) for bottleneck in bottlenecks))
        self.upsample = qnas.Slot("upsample", channels, _RGB * scale**2, activation="none")
        self.shuffle = nn.PixelShuffle(scale)
        self.scale = scale
        # Starts small: the upscaled image alone is a better start than with the output of random weights added.
        self.gain = nn.Parameter(torch.tensor(_START_GAIN)) if space.image_residual else None

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        head = self.head(lr_image)
        image: Tensor = self.shuffle(self.upsample(self.blocks(head) + head))
        if self.gain is None:
            return image
        enlarged = F.interpolate(lr_image, scale_factor=self.scale, mode="bicubic", antialias=True)
        return self.gain * image + enlarged


class GhostBottleneck(nn.Sequential):
    """Two Ghost modules, only the first of which has an activation (figure 3 of the paper, stride 1)."""

    def __init__(self, channels: int, wide: int, ratio: int) -> None:
        super().__init__()
        # In the paper, the activation comes after both parts of the first module. A slot has its activation before the
        # operation, so it goes before the first module's cheap part, and before the second module, which reads the
        # output of the first.
        self.widen = GhostModule(channels, wide, ratio, before="none", between="relu")
        self.narrow = GhostModule(wide, channels, ratio, before="relu", between="none")


class GhostModule(nn.Module):
    """Makes some feature maps by a convolution, and the rest from these by a cheap operation (equations 2 and 3).

    The paper's cheap operation is a depthwise convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, ratio: int, before: qnas.Activation, between: qnas.Activation
    ) -> None:
        super().__init__()
        made = out_channels // ratio
        self.primary = qnas.Slot("primary", in_channels, made, activation=before, native="conv1x1")
        self.cheap = qnas.Slot("cheap", made, out_channels - made, activation=between, native="depthwise3x3")

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        made = self.primary(features)
        return torch.cat([made, self.cheap(made)], dim=1)
