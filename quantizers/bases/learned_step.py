"""The common base of quantizers with a learned step."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, Grid, integer_range
from qnas.quantizers.least_error import least_error_step, normal_step

SMALLEST_STEP = 1e-12  # far below any trained step; keeps the division finite


class LearnedStep(FakeQuantizer):
    """One tensor's quantizer; the logarithm of its step is a parameter, so it is trained, moved and saved.

    Note:
        With the logarithm, the step stays positive, and an optimizer with updates of a fixed size, such as Adam,
        changes it in proportion to its value. With the step itself as the parameter, Adam at the usual rates
        overshoots zero at 8 bits, where steps are as small as 0.001.

    Args:
        bits: Width of the grid.
        signed: Whether the tensor has negative values.
        channels: Output channels of weights; None for activations.
        least_error: Whether to start with the step of least squared error instead of :meth:`first_step`.
    """

    def __init__(self, bits: int, signed: bool, channels: int | None, *, least_error: bool = True) -> None:
        super().__init__()
        self.signed = signed
        self.least_error = least_error
        self.q_min, self.q_max = integer_range(bits, signed)
        start = math.log(normal_step(self.q_min, self.q_max) if least_error else self.unit_step())
        self.log_step = nn.Parameter(torch.full(() if channels is None else (channels, 1, 1, 1), start))

    @property
    def step(self) -> Tensor:
        """A scalar, or (C_out, 1, 1, 1) for weights; above 0."""
        return self.log_step.exp().clamp_min(SMALLEST_STEP)

    @abstractmethod
    def unit_step(self) -> float:
        """:meth:`first_step` for a normal input of variance 1: the step until a tensor is observed."""

    @abstractmethod
    def first_step(self, tensor: Tensor) -> Tensor:
        """The quantizer's own first step for tensors like this one, in the shape of the step; 0 where unknown."""

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Start with the step of least squared error, or with :meth:`first_step`."""
        if self.least_error:
            start = least_error_step(tensor, self.log_step, self.q_min, self.q_max)
        else:
            start = self.first_step(tensor)
        self.log_step.copy_(torch.where(start > 0, start.log(), self.log_step))  # zeros say nothing about later values

    def grid(self) -> Grid:
        """The current grid."""
        return Grid(self.step.detach(), self.q_min, self.q_max)
