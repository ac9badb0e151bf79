"""Rounding to a uniform grid, and the gradients that pass it although rounding itself has none."""

from typing import Any

import torch
from torch import Tensor

from qnas.quantizers.statistics import over

_END = 2.0**-20
"""How far the ends of a grid reach for the gradient, as a share of the grid: more than float32 rounds."""


def steps_to_end(q_min: int, q_max: int) -> float:
    """How many steps lie between zero and the end r of a range: [0, r] after a ReLU, else [-r, r].

    Papers divide either into 2^b - 1 steps. That leaves no level at zero in [-r, r], which integer kernels need: the
    levels of two's complement are those of [-r, r], moved by half a step.
    """
    return q_max if q_min == 0 else (q_max - q_min) / 2


def clip_and_round(tensor: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
    """``step * clamp(round(tensor / step), q_min, q_max)``, whose gradient is that of the clipping alone.

    With ``x`` for the tensor and ``s`` for the step, the gradient passes straight through the rounding:

        dQ/dx = 1 inside the grid, 0 outside        dQ/ds = 0 inside the grid, q_min or q_max outside

    Args:
        tensor: Any shape.
        step: A scalar, or (C_out, 1, 1, 1); above 0.
        q_min: Smallest integer.
        q_max: Largest integer.
    """
    size = step.to(tensor.dtype)
    return round_straight(tensor.clamp(size * q_min, size * q_max), step, q_min, q_max)


def round_straight(tensor: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
    """As :func:`clip_and_round`, but the gradient passes outside the grid too, and the step gets none."""
    result: Tensor = _RoundStraight.apply(tensor, step, q_min, q_max)  # type: ignore[no-untyped-call]
    return result


def round_to_steps(
    tensor: Tensor,
    step: Tensor,
    q_min: int,
    q_max: int,
    *,
    offset: Tensor | None = None,
    gradient_scale: float = 1.0,
    delta: float = 0.0,
) -> Tensor:
    """``step * clamp(round(v), q_min, q_max) + offset`` with ``v = (tensor - offset) / step``.

    The gradient ``g`` of the result passes the rounding as ``g (1 + delta sign(g) (v - round(v)) / (q_max - q_min))``,
    which for ``delta = 0`` is straight through. From there on the chain rule gives, for ``delta = 0``:

        dQ/dx = 1 inside the grid, 0 outside
        dQ/ds = round(v) - v inside the grid, q_min or q_max outside
        dQ/do = 0 inside the grid, 1 outside

    The ends of the grid are inside, and so is what lies beyond them by no more than float32 rounds. Only the tensor and
    the scalars are kept for the gradient.

    Args:
        tensor: Any shape.
        step: A scalar, or (C_out, 1, 1, 1); above 0.
        q_min: Smallest integer.
        q_max: Largest integer.
        offset: In the shape of the step.
        gradient_scale: What the gradients of step and offset are multiplied by.
        delta: At least 0.
    """
    result: Tensor = _RoundToSteps.apply(  # type: ignore[no-untyped-call]
        tensor, step, offset, q_min, q_max, gradient_scale, delta
    )
    return result


def sum_like(values: Tensor, step: Tensor) -> Tensor:
    """The gradient of a step from that of all values that share it."""
    return values.sum(**over(values, step), dtype=step.dtype)


def _in_steps(tensor: Tensor, step: Tensor, offset: Tensor | None) -> Tensor:
    moved = tensor if offset is None else tensor - offset.to(tensor.dtype)
    return moved / step.to(tensor.dtype)


def _on_grid(v: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
    """The values of the nearest levels, without offset; ``v``, which is in steps, is overwritten."""
    return v.round_().clamp_(q_min, q_max).mul_(step.to(v.dtype))


def _where_inside(values: Tensor, v: Tensor, q_min: int, q_max: int) -> Tensor:
    """``values`` where ``v`` is in the grid, 0 elsewhere; in one pass, where a mask would take three."""
    beyond = (q_max - q_min) * _END  # for the ends belong to the grid, but are outside to this function
    return torch.ops.aten.hardtanh_backward(values, v, q_min - beyond, q_max + beyond)  # type: ignore[no-any-return]


class _RoundStraight(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, tensor: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
        return _on_grid(_in_steps(tensor, step, None), step, q_min, q_max)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return gradient, None, None, None


class _RoundToSteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        tensor: Tensor,
        step: Tensor,
        offset: Tensor | None,
        q_min: int,
        q_max: int,
        gradient_scale: float,
        delta: float,
    ) -> Tensor:
        ctx.save_for_backward(tensor, step, offset)
        ctx.constants = q_min, q_max, gradient_scale, delta
        values = _on_grid(_in_steps(tensor, step, offset), step, q_min, q_max)
        return values if offset is None else values.add_(offset.to(tensor.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        tensor, step, offset = ctx.saved_tensors
        q_min, q_max, gradient_scale, delta = ctx.constants
        v = _in_steps(tensor, step, offset)
        passed, inside = (_where_inside(values, v, q_min, q_max) for values in (gradient, v))
        levels = v.round_().clamp_(q_min, q_max)
        if delta:
            more = passed.abs() * (inside - levels) * (delta / (q_max - q_min))
            passed = passed + more
            by_step = gradient * (levels - inside) - more * inside
        else:
            by_step = levels.sub_(inside).mul_(gradient)
        by_offset = None if offset is None else sum_like(gradient - passed, step).mul_(gradient_scale)
        return passed, sum_like(by_step, step).mul_(gradient_scale), by_offset, None, None, None, None
