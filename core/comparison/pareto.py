"""The Pareto front: what nothing else beats in both cost and quality."""

import math
from collections.abc import Sequence

Position = tuple[float, float]


def on_front(positions: Sequence[Position]) -> list[bool]:
    """Which of these positions, cost and quality each, no other dominates; equal ones don't dominate each other.

    One dominates another if it costs no more and is no worse, and costs less or is better.

    >>> on_front([(1, 30), (2, 29), (2, 31)])
    [True, False, True]
    """
    return [not any(_dominates(other, own) for other in positions) for own in positions]


def hypervolume(positions: Sequence[Position], cheapest: float, dearest: float, floor: float) -> float:
    """How much positions dominate, as one number in dB (Zitzler and Thiele 1999).

    It is the area below the best quality that is to be had for a cost, over the logarithm of the cost, divided by its
    width: by how much that quality is above the floor, in the mean over all costs between two.

    >>> hypervolume([(1, 30), (4, 32)], cheapest=1, dearest=16, floor=29)
    2.0

    Args:
        positions: Cost and quality of each.
        cheapest: The cost from which on the mean is taken, above 0.
        dearest: The cost up to which it is taken, above ``cheapest``.
        floor: The quality that counts as none.
    """
    area, best, reached = 0.0, floor, math.log(cheapest)
    for cost, quality in sorted([*positions, (dearest, floor)]):
        at = math.log(min(max(cost, cheapest), dearest))
        area += (best - floor) * (at - reached)
        best, reached = max(best, quality), at
    return area / (math.log(dearest) - math.log(cheapest))


def _dominates(one: Position, other: Position) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other
