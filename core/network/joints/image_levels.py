"""The levels of an image: what an output in integers is rounded to."""

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Grid


class ImageLevels(FakeQuantizer):
    """Rounds an image with values in 0..1 to the levels that its integers have: 1/255 apart at 8 bits.

    Nothing about it is learned. Gradients pass straight through, outside of 0..1 too: from there, they lead back.
    """

    step: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.most = 2**bits - 1
        self.register_buffer("step", torch.tensor([1 / self.most]), persistent=False)

    def forward(self, tensor: Tensor) -> Tensor:
        """Same shape in and out."""
        rounded = (tensor / self.step).round().clamp(0, self.most) * self.step
        return tensor + (rounded - tensor).detach()

    def grid(self) -> Grid:
        """See :meth:`FakeQuantizer.grid`."""
        return Grid(self.step, 0, self.most)
