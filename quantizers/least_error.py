"""Grids with an offset that fit the values of a tensor."""

import torch
from torch import Tensor

_SHARES = 20
_REFINEMENTS = 10
_TINY = 1e-30


def spanning_grid(values: Tensor, q_min: int, q_max: int, share: float = 1.0) -> tuple[Tensor, Tensor]:
    """Step and offset of the grid that reaches from the smallest to the largest of ``values``.

    The step is 0 where all values are equal; the offset then is that value.

    Args:
        values: Any shape.
        q_min: Smallest integer.
        q_max: Largest integer.
        share: What smallest and largest value are multiplied by.
    """
    low, high = values.aminmax()
    step = (high - low) * share / (q_max - q_min)
    return step, low * share - q_min * step


def least_error_grid(values: Tensor, q_min: int, q_max: int) -> tuple[Tensor, Tensor]:
    """Step and offset of the grid of least squared error ``sum (Q(x) - x)^2``, within a few percent.

    Of the grids that span a share of the range the best is taken. Then, in turns, every value is given its nearest
    level, and step and offset become those of the regression of the values on their levels: neither makes the error
    larger. The arguments are those of :func:`spanning_grid`.
    """

    def levels_of(step: Tensor, offset: Tensor) -> Tensor:
        return ((values - offset) / step.clamp_min(_TINY)).round_().clamp_(q_min, q_max)

    def error(step: Tensor, offset: Tensor) -> Tensor:
        return (levels_of(step, offset).mul_(step).add_(offset) - values).square_().mean()

    grids = [spanning_grid(values, q_min, q_max, (i + 1) / _SHARES) for i in range(_SHARES)]
    best = int(torch.stack([error(*grid) for grid in grids]).argmin())
    step, offset = grids[best]
    mean = values.mean()
    for _ in range(_REFINEMENTS):
        levels = levels_of(step, offset)
        middle = levels.mean()
        spread = (levels - middle).square_().mean()
        slope = ((levels - middle) * (values - mean)).mean() / spread
        step = torch.where(spread > 0, slope, step)
        offset = mean - step * middle
    return step, offset
