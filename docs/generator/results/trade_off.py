"""The trade-off: how much better one series of networks is than another at the same cost."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from qnas.core.comparison import Figure, Group
from qnas.core.comparison.pareto import on_front

from .verdict import NOT_RUN, UNDECIDED, Verdict, both, judged

TOLERANCE = 0.05
"""The share by which costs may differ and still count as equal."""
RULE = f"""\
A trade-off is compared point by point, where a point is the runs of one spec over their seeds. For each series, only
its Pareto front counts. The PSNR of each run of a point is compared with that of the baseline's front at the BitOps of
that run, because each seed may find a network of a different cost. The front is interpolated between its points (linear
in PSNR over the logarithm of BitOps), and level beyond its ends. A point that lies outside the front's range by more
than {TOLERANCE:.0%} is compared only if one side is better at a lower cost: if the point is cheaper than the cheapest
of the baseline and better, or more expensive than the most expensive and worse. The verdict is on the mean of the
differences. Their spread combines the spread of the differences over the seeds of a point with that of the baseline,
as the root of the sum of both variances, averaged over the points."""


class Advantage(NamedTuple):
    """One point compared with the baseline's front.

    Attributes:
        group: The point.
        baseline: PSNR of the front at the point's cost, in dB, averaged over its runs.
        gain: How much better the point is, in dB, averaged over its runs.
        spread: How much seeds may change the gain, None if unknown.
    """

    group: Group
    baseline: float
    gain: float
    spread: float | None


class _Level(NamedTuple):
    cost: float
    psnr: float
    spread: float | None


def advantages(ours: Sequence[Group], baseline: Sequence[Group]) -> list[Advantage]:
    """Each point of our front that can be compared with the baseline's."""
    front = [_Level(*group.position, group.psnr.spread) for group in _front(baseline)]
    return [found for group in _front(ours) if (found := _advantage(group, front)) is not None]


def verdict_on(ours: Sequence[Group], baseline: Sequence[Group], name: str) -> Verdict:
    """The verdict on whether ours are better than a baseline of that name."""
    if not ours or not baseline:
        return Verdict(NOT_RUN, "")
    found = advantages(ours, baseline)
    if not found:
        return Verdict(UNDECIDED, f"no point can be compared with {name}: their costs are too different")
    gain = fmean(one.gain for one in found)
    spreads = [one.spread for one in found if one.spread is not None]
    spread = fmean(spreads) if spreads else None
    by = "" if spread is None else f", spread {spread:.3f} dB"
    points = f"{len(found)} point{'s' * (len(found) > 1)}"
    return judged(gain, spread, f"{gain:+.3f} dB relative to {name} at the same BitOps, mean of {points}{by}")


def _front(groups: Sequence[Group]) -> list[Group]:
    best = on_front([group.position for group in groups])
    return sorted((group for group, is_best in zip(groups, best, strict=True) if is_best), key=lambda g: g.position)


def _advantage(group: Group, front: Sequence[_Level]) -> Advantage | None:
    cost, psnr = group.position
    gains = Figure.of(of - _level(front, at).psnr for at, of in group.points)
    gain = gains.mean or 0.0
    is_cheaper = cost < front[0].cost * (1 - TOLERANCE)
    is_dearer = cost > front[-1].cost * (1 + TOLERANCE)
    if (is_cheaper and gain <= 0) or (is_dearer and gain >= 0):
        return None
    return Advantage(group, psnr - gain, gain, both(gains.spread, _level(front, cost).spread))


def _level(front: Sequence[_Level], cost: float) -> _Level:
    """The front at a cost, level beyond its ends."""
    if cost <= front[0].cost:
        return front[0]
    for left, right in pairwise(front):
        if cost <= right.cost:
            share = math.log(cost / left.cost) / math.log(right.cost / left.cost)
            return _Level(cost, _between(left.psnr, right.psnr, share), _spread_between(left, right, share))
    return front[-1]


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _spread_between(left: _Level, right: _Level, share: float) -> float | None:
    if left.spread is None or right.spread is None:
        return left.spread if right.spread is None else right.spread
    return _between(left.spread, right.spread, share)
