"""The mean colour, which some networks subtract from the image."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Part = Annotated[float, Field(ge=0, le=1)]
Colour = tuple[Part, Part, Part]

DIV2K: Colour = (0.4488, 0.4371, 0.4040)
"""The mean colour of DIV2K's training images, as networks have it that were trained on them."""


class MeanColour(nn.Module):
    """A colour, RGB in 0..1, and what subtracting it makes of images. It has no parameters.

    It can't be folded into the convolution behind it, which pads with zeros: they stand for this colour, not for black.
    """

    value: Tensor

    def __init__(self, colour: Colour) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(colour)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to the same shape, less the colour."""
        return image - self.value

    def add_to(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to the same shape, with the colour added."""
        return image + self.value
