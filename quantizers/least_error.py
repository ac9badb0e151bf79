"""Grids that fit the values of a tensor: with the least squared error, or from the smallest to the largest value."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_VALUES = 65521  # a prime, so that the sampled values don't align with rows, columns and channels
_AT_ONCE = 2**18  # values, counted once for every grid that is tried
_COARSE = tuple(1.2**-i for i in range(-2, 34))
"""Shares of the spanning grid: 1, because an image's 256 values lie exactly on that grid; more than 1, because the best
grid for a few distinct values may end beyond them."""
_FINE = tuple(1.2 ** (i / 6) for i in range(-6, 7))
_REGRESSIONS = 6


def spanning_grid(values: Tensor, q_min: int, q_max: int) -> tuple[Tensor, Tensor]:
    """Step and offset, both scalars, of the grid that reaches from the smallest to the largest of ``values``.

    If all values are equal, the step is 0 and the offset is that value.

    Args:
        values: Any shape.
        q_min: Smallest integer.
        q_max: Largest integer.
    """
    low, high = values.aminmax()
    step = (high - low) / (q_max - q_min)
    return step, low - q_min * step


def least_error_grid(values: Tensor, q_min: int, q_max: int) -> tuple[Tensor, Tensor]:
    """Step and offset, both scalars, of the grid of least squared error ``sum (Q(x) - x)^2``, within a few percent.

    The method is that of :func:`least_error_step`, once for ranges that shrink towards zero and once for ranges that
    shrink towards the mean. If all values are equal, the step is 0 and the offset is that value.

    Args:
        values: Any shape.
        q_min: Smallest integer.
        q_max: Largest integer.
    """
    low, high = values.aminmax()
    centers = torch.stack([low.clamp_min(0) + high.clamp_max(0), values.mean()]).view(2, 1)
    rows, size = _scaled(values.reshape(1, -1) - centers)
    low, high = rows.aminmax(dim=1, keepdim=True)
    step = (high - low) / (q_max - q_min)
    fit = _Fit(rows, q_min, q_max, has_offset=True)
    step, offset = fit.best(step, low - q_min * step)
    best = fit.errors(step[None], offset[None])[0].mul_(size[:, 0].square()).argmin()
    return (step * size)[best, 0], (offset * size + centers)[best, 0]


def least_error_step(values: Tensor, like: Tensor, q_min: int, q_max: int) -> Tensor:
    """The step, in the shape of ``like``, of the grid of least squared error ``sum (Q(x) - x)^2`` without an offset.

    For many values, its error is within a few percent of the least; a few values, such as the 9 weights of a channel
    of a depthwise convolution, may happen to lie closer to another grid. The step is 0 where nothing determines it,
    for instance for zeros. Of more than 65,521 values, 65,521 evenly spaced ones are used.

    The search takes the best of the grids that span a share of the range, then the best of those close to it. After
    that, it alternates between assigning each value its nearest level and setting the step by regression of the values
    on their levels; neither makes the error larger.

    Args:
        values: Any shape; (C_out, C_in / groups, k_h, k_w) where there is a step for each output channel.
        like: A scalar, or (C_out, 1, 1, 1).
        q_min: Smallest integer, at most 0.
        q_max: Largest integer, above 0.
    """
    rows, size = _scaled(values.reshape(like.numel(), -1))
    low, high = rows.aminmax(dim=1, keepdim=True)
    spanning = (high / q_max).clamp_min(0)
    if q_min:
        spanning = spanning.maximum(low / q_min)
    step, _ = _Fit(rows, q_min, q_max, has_offset=False).best(spanning, torch.zeros_like(spanning))
    return (step * size).view(like.shape)


@functools.cache
def normal_step(q_min: int, q_max: int) -> float:
    """:func:`least_error_step` for a normal distribution of variance 1, after a ReLU if ``q_min`` is 0."""
    shares = torch.arange(1, 2 * MOST_VALUES, 2, dtype=torch.float64, device="cpu") / (2 * MOST_VALUES)
    return float(least_error_step(torch.special.ndtri(shares), shares[0], q_min, q_max))


def _scaled(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The values of each row of (R, N) divided by the row's largest absolute value, and the divisors, (R, 1)."""
    values = rows.detach()
    values = values if values.dtype == torch.float64 else values.float()
    size = torch.linalg.vector_norm(values, torch.inf, dim=1, keepdim=True)
    count = values.shape[1]
    if count > MOST_VALUES:
        values = values[:, torch.arange(MOST_VALUES, device=values.device) * count // MOST_VALUES]
    return values / size.where(size > 0, 1), size


@dataclass(frozen=True)
class _Fit:
    """The search for the grids of least squared error, one for each row of (R, N).

    Steps and offsets are (R, 1), or (S, R, 1) to compare S of them; without offsets, these are zero.
    """

    rows: Tensor
    q_min: int
    q_max: int
    has_offset: bool

    def best(self, step: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """The best steps and offsets, starting from grids that span the values."""
        for shares in (_COARSE, _FINE):
            step, offset = self._best_share(step, offset, step.new_tensor(shares).view(-1, 1, 1))
        for _ in range(_REGRESSIONS):
            step, offset = self._regression(step, offset)
        return step, offset

    def _moved(self, offset: Tensor) -> Tensor:
        return self.rows - offset if self.has_offset else self.rows

    def _levels(self, moved: Tensor, step: Tensor) -> Tensor:
        return moved.div(step.where(step > 0, 1)).round_().clamp_(self.q_min, self.q_max)

    def _best_share(self, step: Tensor, offset: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """The best of the grids whose step and offset are one of the shares, (S, 1, 1), of these."""
        at_once = max(1, _AT_ONCE // self.rows.numel())
        errors = [self.errors(some * step, some * offset) for some in shares.split(at_once)]
        best = shares[torch.cat(errors).argmin(0), 0]  # (R, 1)
        return best * step, best * offset

    def errors(self, step: Tensor, offset: Tensor) -> Tensor:
        """The error of each grid and row, (S, R)."""
        moved = self._moved(offset)
        return self._levels(moved, step).mul_(step).sub_(moved).square_().mean(-1)

    def _regression(self, step: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """The regression of the values on their levels."""
        levels = self._levels(self._moved(offset), step)
        middle, mean = (x.mean(1, keepdim=True) if self.has_offset else 0.0 for x in (levels, self.rows))
        spread = (levels - middle).square().mean(1, keepdim=True)
        slope = ((levels - middle) * (self.rows - mean)).mean(1, keepdim=True) / spread
        step = slope.where(spread > 0, step)
        return step, mean - step * middle + torch.zeros_like(offset)
