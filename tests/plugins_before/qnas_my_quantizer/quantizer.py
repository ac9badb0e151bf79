"""A quantizer: rounds a tensor to a grid."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

import qnas


class MyQuantizer(qnas.Quantizer):
    """A uniform grid that ends at the largest absolute value; nothing is learned.

    Of weights it is that of each output channel, of activations a running mean.

    Attributes:
        momentum: How much of the running mean a step replaces.
    """

    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    def fake_quantizer(
        self,
        bits: int,
        *,
        signed: bool,
        channels: int | None = None,
    ) -> qnas.FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return LargestValue(bits, signed, channels, self.momentum)


class LargestValue(qnas.FakeQuantizer):
    """The quantizer of one tensor."""

    largest: Tensor

    def __init__(
        self,
        bits: int,
        signed: bool,
        channels: int | None,
        momentum: float,
    ) -> None:
        super().__init__()
        self.q_min, self.q_max = qnas.integer_range(bits, signed)
        self.momentum = momentum if channels is None else 1.0
        shape = () if channels is None else (channels, 1, 1, 1)
        self.register_buffer("largest", torch.ones(shape))

    @torch.no_grad()
    def measure(self, tensor: Tensor) -> Tensor:
        """The largest absolute value, of each output channel where there are such."""
        if self.largest.dim():
            return tensor.abs().amax(dim=(1, 2, 3), keepdim=True).to(self.largest)
        return tensor.abs().max().to(self.largest)

    def observe(self, tensor: Tensor) -> None:
        """Start with the largest value of ``tensor``."""
        self.largest.copy_(self.measure(tensor))

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid; inside of it the gradient passes straight through."""
        if self.training:
            self.largest.lerp_(self.measure(tensor), self.momentum)
        grid = self.grid()
        step = grid.step.to(tensor.dtype)
        inside = tensor.clamp(grid.q_min * step, grid.q_max * step)
        on_grid = (inside.detach() / step).round() * step
        return on_grid + (inside - inside.detach())  # only the gradient of the second

    def grid(self) -> qnas.Grid:
        """The grid as it stands now."""
        smallest_step = 1e-12  # a tensor of zeros has a grid too
        step = (self.largest / self.q_max).clamp_min(smallest_step)
        return qnas.Grid(step, self.q_min, self.q_max)
