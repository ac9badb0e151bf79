"""Timing: how long calls take, measured in turn, so that whatever slows the machine down meets them all."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

Call = Callable[[], object]
SETTLE = 0.1
"""For how many seconds a call is repeated before it is timed: threads of the one before may still spin for as long."""
FEWEST, MOST = 7, 50
PRECISE = 0.02
"""From what uncertainty on, as a share of the median, no further round is needed."""


class Timing(NamedTuple):
    """How long a call takes.

    Attributes:
        median: In seconds.
        spread: Between the first and the third quartile, in seconds: half of the calls lie there.
        rounds: How many calls were timed.
    """

    median: float
    spread: float
    rounds: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """That of calls which took so long."""
        import numpy as np  # commands name MOST, and are quick to start

        first, median, third = np.quantile(seconds, (0.25, 0.5, 0.75)).tolist()
        return cls(median, third - first, len(seconds))

    @property
    def uncertainty(self) -> float:
        """By what share of it the median may be off: the notch of a box plot (McGill, Tukey and Larsen 1978)."""
        return 1.57 * self.spread / self.rounds**0.5 / self.median if self.median else 0.0


def time_in_turn(
    calls: Mapping[str, Call],
    rounds: int = MOST,
    clock: Callable[[], float] = time.perf_counter,
    report: Callable[[int], object] = lambda _: None,
) -> dict[str, Timing]:
    """How long each call takes, once it is warm.

    In each round every call is timed once, every second time in reverse: none always comes behind the same other. It
    ends when all medians are certain to ``PRECISE``, though not before ``FEWEST`` rounds.

    Args:
        calls: What to time, by name.
        rounds: At most so many.
        clock: Tells the time in seconds.
        report: Called with how many rounds are done.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    timings: dict[str, Timing] = {}
    for done in range(1, rounds + 1):
        for name in list(calls)[:: 1 if done % 2 else -1]:
            taken[name].append(_seconds(calls[name], clock))
        timings = {name: Timing.of(seconds) for name, seconds in taken.items()}
        report(done)
        if done >= FEWEST and all(timing.uncertainty <= PRECISE for timing in timings.values()):
            break
    return timings


def _seconds(call: Call, clock: Callable[[], float]) -> float:
    settled = clock() + SETTLE
    call()
    while clock() < settled:
        call()
    began = clock()
    call()
    return clock() - began
