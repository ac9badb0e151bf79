"""Learned step size quantization (Esser et al. 2020, "Learned Step Size Quantization", arXiv 1902.08153)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from qnas.core.components import FakeQuantizer, Grid, Quantizer, integer_range

SMALLEST_STEP = 1e-12  # far below any that is trained: keeps the division finite
_MEAN_ABS_OF_NORMAL = math.sqrt(2 / math.pi)


class LSQ(Quantizer):
    """Learned step size: s * clamp(round(x / s), q_min, q_max) with s trained.

    Weights are signed with one step per output channel, activations unsigned after a ReLU and else signed,
    with one step. The step starts at ``2 E|x| / sqrt(q_max)``.

    Note:
        The parameter that is trained is the logarithm of the step, so that the step stays positive and an
        optimizer with steps of a fixed size, such as Adam, changes it by a share of itself. With the step itself
        as the parameter, Adam at the usual rates overshoots zero at 8 bits, where steps are as small as 0.001.
    """

    def fake_quantizer(self, bits: int, *, signed: bool, channels: int | None = None) -> FakeQuantizer:
        """See :meth:`qnas.Quantizer.fake_quantizer`."""
        return LSQFakeQuantizer(bits, signed, channels)


class LSQFakeQuantizer(FakeQuantizer):
    """One tensor's quantizer; the logarithm of its step is a parameter, so it is trained, moved and saved."""

    def __init__(self, bits: int, signed: bool, channels: int | None) -> None:
        super().__init__()
        self.q_min, self.q_max = integer_range(bits, signed)
        # Until a tensor is observed: the step for a normal input of variance 1.
        start = 2 * _MEAN_ABS_OF_NORMAL / math.sqrt(self.q_max)
        shape = () if channels is None else (channels, 1, 1, 1)
        self.log_step = nn.Parameter(torch.full(shape, math.log(start)))

    @property
    def step(self) -> Tensor:
        """A scalar, or (C_out, 1, 1, 1) for weights; above 0."""
        return self.log_step.exp().clamp_min(SMALLEST_STEP)

    @torch.no_grad()
    def observe(self, tensor: Tensor) -> None:
        """Start at ``2 E|x| / sqrt(q_max)``."""
        mean = tensor.abs().mean(dim=(1, 2, 3), keepdim=True) if self.log_step.dim() else tensor.abs().mean()
        start = (2 * mean / math.sqrt(self.q_max)).log()
        self.log_step.copy_(torch.where(mean > 0, start, self.log_step))  # zeros say nothing of what will come

    def forward(self, tensor: Tensor) -> Tensor:
        """``tensor`` on the grid, differentiable in it and in the step."""
        features = tensor[0].numel()  # of one output channel, or of one image
        gradient_scale = 1 / math.sqrt(self.q_max * features)
        return quantize(tensor, self.step, self.q_min, self.q_max, gradient_scale)

    def grid(self) -> Grid:
        """The grid as it stands now."""
        return Grid(self.step.detach(), self.q_min, self.q_max)


def quantize(tensor: Tensor, step: Tensor, q_min: int, q_max: int, gradient_scale: float) -> Tensor:
    """Equations 1 to 3 of the paper: ``s * clamp(round(x / s), q_min, q_max)`` and both gradients.

    Args:
        tensor: Any shape.
        step: A scalar, or (C_out, 1, 1, 1); above 0.
        q_min: Smallest integer.
        q_max: Largest integer.
        gradient_scale: What the gradient of the step is multiplied by.
    """
    result: Tensor = _Quantize.apply(tensor, step, q_min, q_max, gradient_scale)  # type: ignore[no-untyped-call]
    return result


class _Quantize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, tensor: Tensor, step: Tensor, q_min: int, q_max: int, gradient_scale: float
    ) -> Tensor:
        ctx.save_for_backward(tensor, step)
        ctx.constants = q_min, q_max, gradient_scale  # type: ignore[attr-defined]
        size = step.to(tensor.dtype)
        return (tensor / size).round_().clamp_(q_min, q_max).mul_(size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        tensor, step = ctx.saved_tensors
        q_min, q_max, gradient_scale = ctx.constants
        scaled = tensor / step.to(tensor.dtype)
        inside = (scaled >= q_min) & (scaled <= q_max)
        # d/ds: round(v) - v inside, the nearest end of the grid outside.
        slope = scaled.round().clamp_(q_min, q_max).sub_(scaled.mul_(inside))
        over = (1, 2, 3) if step.dim() else tuple(range(tensor.dim()))
        step_gradient = (gradient * slope).sum(dim=over, keepdim=step.dim() > 0, dtype=step.dtype)
        return gradient * inside, step_gradient.mul_(gradient_scale), None, None, None
