"""What all quantizers with a learned step have in common."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, Grid, integer_range

SMALLEST_STEP = 1e-12  # far below any that is trained: keeps the division finite


class LearnedStep(FakeQuantizer):
    """One tensor's quantizer; the logarithm of its step is a parameter, so it is trained, moved and saved.

    Note:
        It is the logarithm, so that the step stays positive and an optimizer with steps of a fixed size, such as
        Adam, changes it by a share of itself. With the step itself as the parameter, Adam at the usual rates
        overshoots zero at 8 bits, where steps are as small as 0.001.
    """

    def __init__(self, bits: int, signed: bool, channels: int | None) -> None:
        super().__init__()
        self.signed = signed
        self.q_min, self.q_max = integer_range(bits, signed)
        start = math.log(self.unit_step())
        self.log_step = nn.Parameter(torch.full(() if channels is None else (channels, 1, 1, 1), start))

    @property
    def step(self) -> Tensor:
        """A scalar, or (C_out, 1, 1, 1) for weights; above 0."""
        return self.log_step.exp().clamp_min(SMALLEST_STEP)

    @abstractmethod
    def unit_step(self) -> float:
        """The step until a tensor is observed: that for a normal input of variance 1."""

    @abstractmethod
    def first_step(self, tensor: Tensor) -> Tensor:
        """The step to start with for tensors like this one, in the shape of the step; 0 where it can't be told."""

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Start with :meth:`first_step`."""
        start = self.first_step(tensor)
        self.log_step.copy_(torch.where(start > 0, start.log(), self.log_step))  # zeros say nothing of what will come

    def grid(self) -> Grid:
        """The grid as it stands now."""
        return Grid(self.step.detach(), self.q_min, self.q_max)
