"""Rounding to a uniform grid, with gradients that pass through although rounding itself has none."""

from typing import Any

import torch
from torch import Tensor

from qnas.quantizers.statistics import over

_END = 2.0**-20
"""How far beyond its ends a grid reaches for the gradient, as a share of its width: more than float32 rounds."""


def steps_to_end(q_min: int, q_max: int) -> float:
    """The number of steps between zero and the end r of a range, which is [0, r] after a ReLU and [-r, r] elsewhere.

    Papers divide both ranges into 2^b - 1 steps. In [-r, r] that leaves no level at zero, which integer kernels need.
    The levels of two's complement are those of [-r, r], moved by half a step.
    """
    return q_max if q_min == 0 else (q_max - q_min) / 2


def clip_and_round(tensor: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
    """``step * clamp(round(tensor / step), q_min, q_max)``, with the gradient of the clipping alone.

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
    """Like :func:`clip_and_round`, but the gradient also passes outside the grid, and the step gets none."""
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
    which is straight through for ``delta = 0``. For ``delta = 0``, the chain rule then gives:

        dQ/dx = 1 inside the grid, 0 outside
        dQ/ds = round(v) - v inside the grid, q_min or q_max outside
        dQ/do = 0 inside the grid, 1 outside

    The ends of the grid count as inside, as do values that exceed them by no more than float32 rounding errors. Only
    the tensor and the scalars are kept for the gradient.

    Args:
        tensor: Any shape.
        step: A scalar, or (C_out, 1, 1, 1); above 0.
        q_min: Smallest integer.
        q_max: Largest integer.
        offset: Same shape as the step.
        gradient_scale: Factor for the gradients of step and offset.
        delta: At least 0.
    """
    result: Tensor = _RoundToSteps.apply(  # type: ignore[no-untyped-call]
        tensor, step, offset, q_min, q_max, gradient_scale, delta
    )
    return result


def sum_like(values: Tensor, step: Tensor) -> Tensor:
    """The gradient of a step from those of all values that share it."""
    return values.sum(**over(values, step), dtype=step.dtype)


def _in_steps(tensor: Tensor, step: Tensor, offset: Tensor | None) -> Tensor:
    moved = tensor if offset is None else tensor - offset.to(tensor.dtype)
    return moved / step.to(tensor.dtype)


def _on_grid(v: Tensor, step: Tensor, q_min: int, q_max: int) -> Tensor:
    """The values of the nearest levels, without offset; overwrites ``v``, which is in steps."""
    return v.round_().clamp_(q_min, q_max).mul_(step.to(v.dtype))


def _where_inside(values: Tensor, v: Tensor, q_min: int, q_max: int) -> Tensor:
    """``values`` where ``v`` is in the grid, 0 elsewhere; one pass instead of the three of a mask."""
    beyond = (q_max - q_min) * _END  # the ends belong to the grid, but hardtanh_backward excludes them
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
