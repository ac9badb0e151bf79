"""One figure of several runs: its mean, and its spread over seeds."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """The mean of a figure over the runs that have it.

    Attributes:
        mean: None if no run has it.
        spread: The sample standard deviation, None with fewer than two runs.
        count: How many runs have it.
    """

    mean: float | None
    spread: float | None
    count: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Figure":
        """The figure of these runs; None stands for a run that lacks it.

        >>> Figure.of([1.0, 3.0, None])
        Figure(mean=2.0, spread=1.4142135623730951, count=2)
        """
        known = [value for value in values if value is not None]
        return cls(
            mean=statistics.fmean(known) if known else None,
            spread=statistics.stdev(known) if len(known) > 1 else None,
            count=len(known),
        )
