"""Partial convolution.

Chen et al. 2023, "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks", arXiv 2303.03667 (FasterNet).
"""

from typing import Annotated, Literal

import qnas
import torch
from pydantic import Field
from torch import Tensor, nn


class PartialConvolution(qnas.Operation):
    """A convolution of the first channels only, then a 1 x 1 convolution of all.

    The channels of a feature map are much alike, so the k x k kernel runs on one part in ``parts``, which is
    ``parts^2`` times cheaper. The 1 x 1 convolution combines its output with the channels that were left alone.

    Attributes:
        kernel: Height and width of the partial convolution.
        parts: The channels are divided into this many parts, of which one is convolved.
    """

    kernel: Literal[3, 5, 7] = 3
    parts: Annotated[int, Field(ge=2)] = 4

    def unfit(self, slot: qnas.SlotShape) -> str:
        """Too few channels to convolve a part of them."""
        if slot.in_channels < self.parts:
            return f"it convolves one channel in {self.parts}, the slot has {slot.in_channels}"
        return ""

    def build(self, slot: qnas.SlotShape, layers: qnas.Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        first = slot.in_channels // self.parts
        return nn.Sequential(
            FirstChannels(layers.conv(first, first, self.kernel), first),
            # A convolution reads quantized values. The channels that were left alone still are quantized, but on a
            # different grid, and an integer kernel needs all channels on the same one.
            layers.activation("none"),
            layers.conv(slot.in_channels, slot.out_channels, 1, stride=slot.stride),
        )


class FirstChannels(nn.Module):
    """Applies a module to the first channels and passes the others on."""

    def __init__(self, inner: nn.Module, channels: int) -> None:
        super().__init__()
        self.inner = inner
        self.channels = channels

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        first, rest = features[:, : self.channels], features[:, self.channels :]
        return torch.cat([self.inner(first), rest], dim=1)
