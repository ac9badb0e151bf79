"""The basic space of QuantNAS (arXiv 2208.14839, section "Search space")."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from qnas.core.components import Residual, Space
from qnas.core.network import Slot
from qnas.spaces.image_residual import Enlarge, ImageResidual

RGB = 3
_BRANCH_SCALE = 0.2
# Beside an image-space residual the network starts with next to nothing to add. With more, training first turns it
# off, and as often as not the ReLU before the upsampling slot never opens again.
_START_GAIN = 0.1


class BasicSpace(Space):
    """Head, body cells with a global skip, upsampling by pixel shuffle, and a tail at full resolution.

    Attributes:
        channels: Width of the head and the body.
        cells: Number of body cells.
        variant: Of the body cell: ``B`` has a chain of two slots, ``A`` one of three, scaled by 0.2.
        residual: How a body cell's input is added to its output.
        image_residual: How the input image is enlarged and added to the output; as published there is ``none``.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "head": ("conv1x1", "conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3"),
        "body": ("conv3x3", "conv5x5", "conv5x1-1x5", "conv3x1-1x3"),
        "skip": ("conv1x1", "conv3x3", "conv5x5"),
        "upsample": ("conv1x1", "conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3"),
        "tail": ("conv1x1", "conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3"),
    }

    channels: PositiveInt = 36
    cells: PositiveInt = 3
    variant: Literal["A", "B"] = "B"
    residual: Residual = "adq"  # type: ignore[assignment]
    image_residual: ImageResidual = "none"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        return BasicNetwork(self, scale)


class BasicNetwork(nn.Module):
    """The network of the basic space. ``gain`` is one number, which folds into the upsampling convolution."""

    def __init__(self, space: BasicSpace, scale: int) -> None:
        super().__init__()
        c = space.channels
        # The image itself is never negative, so nothing stands before the first slot and it is unsigned.
        self.head = nn.Sequential(
            Slot("head", RGB, c, activation="none", signed=False),
            Slot("head", c, c),
        )
        self.body = nn.Sequential(*(space.residual.wrap(Cell(c, space.variant), c) for _ in range(space.cells)))
        self.upsample = Slot("upsample", c, RGB * scale**2)
        self.shuffle = nn.PixelShuffle(scale)
        self.enlarge = Enlarge(space.image_residual, scale)
        self.gain = nn.Parameter(torch.tensor(_START_GAIN if space.image_residual != "none" else 1.0))
        self.tail = nn.Sequential(Slot("tail", RGB, RGB, activation="none"), Slot("tail", RGB, RGB))

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        head = self.head(lr_image)
        enlarged = self.gain * self.shuffle(self.upsample(self.body(head) + head))
        result: Tensor = self.tail(enlarged) + enlarged + self.enlarge(lr_image)
        return result


class Cell(nn.Module):
    """A chain of slots beside one skip slot."""

    def __init__(self, channels: int, variant: Literal["A", "B"]) -> None:
        super().__init__()
        length, self.branch_scale = (3, _BRANCH_SCALE) if variant == "A" else (2, 1.0)
        self.chain = nn.Sequential(*(Slot("body", channels, channels) for _ in range(length)))
        self.skip = Slot("skip", channels, channels, native="conv1x1")

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; the cell's residual connection wraps it."""
        result: Tensor = self.chain(features) * self.branch_scale + self.skip(features)
        return result
