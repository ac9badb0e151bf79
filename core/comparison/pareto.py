"""The Pareto front: what nothing else beats in both cost and quality."""

from collections.abc import Sequence

Position = tuple[float, float]


def on_front(positions: Sequence[Position]) -> list[bool]:
    """Which of these positions, cost and quality each, no other dominates; equal ones don't dominate each other.

    One dominates another if it costs no more and is no worse, and costs less or is better.

    >>> on_front([(1, 30), (2, 29), (2, 31)])
    [True, False, True]
    """
    return [not any(_dominates(other, own) for other in positions) for own in positions]


def _dominates(one: Position, other: Position) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other
