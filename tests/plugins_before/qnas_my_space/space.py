"""A space: networks with open slots."""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

import qnas


class MySpace(qnas.Space):
    """A chain of slots and pixel shuffle, added to the image enlarged.

    Attributes:
        channels: Width of the network.
        depth: Slots in the body.
    """

    defaults: ClassVar = {
        "head": ("conv3x3", "conv5x5"),
        "body": ("conv3x3", "conv5x5", "separable3x3"),
        "upsample": ("conv3x3", "conv5x5"),
    }

    channels: PositiveInt = 8
    depth: PositiveInt = 2

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        width = self.channels
        chain = nn.Sequential(
            qnas.Slot("head", 3, width, activation="none", signed=False),
            *(qnas.Slot("body", width, width) for _ in range(self.depth)),
            qnas.Slot("upsample", width, 3 * scale**2),
            nn.PixelShuffle(scale),
        )
        return Enlarging(chain, scale)


class Enlarging(nn.Module):
    """The image enlarged, and what a chain adds to it: next to nothing at the start."""

    def __init__(self, chain: nn.Module, scale: int) -> None:
        super().__init__()
        self.chain = chain
        self.gain = nn.Parameter(torch.tensor(0.1))
        self.enlarge = nn.Upsample(scale_factor=scale, mode="bicubic")

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale)."""
        result: Tensor = self.enlarge(image) + self.gain * self.chain(image)
        return result
