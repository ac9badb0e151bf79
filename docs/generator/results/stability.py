"""The second claim: how long a search takes, and how much its result depends on the seed."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from qnas.core.comparison import Figure, Group
from qnas.core.comparison.differences import machine

from .matching import matched, same_seeds
from .verdict import NOT_RUN, UNKNOWN, Verdict, judged

WANTED_SPEED = 1.3
RULE = f"""\
Times are compared between runs with the same values and the same seed, on the same machine: the ratio of
`seconds.search` with noise to that with direct quantization. {WANTED_SPEED:g} times as fast is a ratio of
{1 / WANTED_SPEED:.2f}; the spread is the standard deviation of the ratio. Stability is the standard deviation of PSNR
over seeds, pooled over the points with the same values; its spread is its own standard error, which is large for so few
seeds."""


class Pooled(NamedTuple):
    """A standard deviation over seeds, pooled over points.

    Attributes:
        spread: The deviation, in dB.
        error: Its standard error.
    """

    spread: float
    error: float

    def __str__(self) -> str:
        return f"{self.spread:.3f} ± {self.error:.3f} dB"


def speed(ours: Sequence[Group], others: Sequence[Group]) -> Verdict:
    """The verdict on whether our searches take less time."""
    ratio = search_ratio(ours, others)
    if ratio.mean is None:
        return Verdict(NOT_RUN, "")
    why = f"the search takes {told(ratio)} times as long as with direct quantization, {ratio.count} pairs of runs"
    return judged(1 / WANTED_SPEED - ratio.mean, ratio.spread, why)


def search_ratio(ours: Sequence[Group], others: Sequence[Group]) -> Figure:
    """Time of our search as a share of the others', over pairs of runs."""
    pairs = [
        (own, other)
        for groups in matched(ours, others)
        for own, other in same_seeds(*groups)
        if machine(own) == machine(other)
    ]
    times = [tuple(run.figure("seconds", "search") for run in runs) for runs in pairs]
    return Figure.of(own / other for own, other in times if own and other)


def told(ratio: Figure) -> str:
    """A ratio with its spread."""
    by = "" if ratio.spread is None else f" ± {ratio.spread:.2f}"
    return UNKNOWN if ratio.mean is None else f"{ratio.mean:.2f}{by}"


def stability(ours: Sequence[Group], others: Sequence[Group]) -> Verdict:
    """The verdict on whether the PSNR of ours depends less on the seed."""
    pairs = matched(ours, others)
    if not pairs:
        return Verdict(NOT_RUN, "")
    own, other = pooled([one for one, _ in pairs]), pooled([two for _, two in pairs])
    if own is None or other is None:
        return judged(0.0, None, "the spread of PSNR over seeds can't be compared")
    why = f"PSNR differs from seed to seed by {own.spread:.3f} dB, with direct quantization by {other.spread:.3f} dB"
    return judged(other.spread - own.spread, (own.error**2 + other.error**2) ** 0.5, why)


def pooled(groups: Sequence[Group]) -> Pooled | None:
    """The deviation of PSNR over seeds, None if no group has two seeds."""
    known = [(group.psnr.spread, group.psnr.count - 1) for group in groups if group.psnr.spread is not None]
    if not known:
        return None
    freedom = sum(degrees for _, degrees in known)
    spread = (sum(spread**2 * degrees for spread, degrees in known) / freedom) ** 0.5
    return Pooled(spread, spread / (2 * freedom) ** 0.5)


def mean_search_seconds(groups: Sequence[Group]) -> float | None:
    """Mean time of a search, in seconds."""
    means = [mean for group in groups if (mean := group.figure("seconds", "search").mean) is not None]
    return fmean(means) if means else None
