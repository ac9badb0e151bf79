"""The third claim: whether every slot has settled on one candidate when the search ends."""

from collections.abc import Sequence
from typing import NamedTuple

from qnas.core.comparison import Figure, FinishedRun, Group
from qnas.core.comparison.reading.finished_run import number

from .verdict import FAILED, HELD, NOT_RUN, UNDECIDED, Verdict, both, judged

DECIDED = 0.1
RULE = f"""\
A run has decided if the mean entropy of its slots at the end is below {DECIDED:g} of that at the start, and no slot is
left with a near tie. The claim holds if all runs with entropy regularization have decided, and the share of entropy
that is left is smaller than without it by more than the spread."""


class Decisions(NamedTuple):
    """How decided the searches of a variant were at their end.

    Attributes:
        left: Entropy at the end as a share of that at the start.
        ties: Near ties at the end, per run.
        gap: The loss from taking one network out of the supernet, in dB.
        decided: How many runs have decided.
        runs: How many runs this is known for.
    """

    left: Figure
    ties: Figure
    gap: Figure
    decided: int
    runs: int


def decisions(groups: Sequence[Group]) -> Decisions:
    """How the searches of these groups ended; runs that searched nothing are not counted."""
    runs = [run for group in groups for run in group.runs if entropy_left(run) is not None]
    return Decisions(
        left=Figure.of(map(entropy_left, runs)),
        ties=Figure.of(map(_ties, runs)),
        gap=Figure.of(run.figure("discretization_gap_db") for run in runs),
        decided=sum(_has_decided(run) for run in runs),
        runs=len(runs),
    )


def verdict_on(ours: Decisions, without: Decisions) -> Verdict:
    """The verdict on whether entropy regularization makes the slots decide."""
    if ours.left.mean is None or without.left.mean is None:
        return Verdict(NOT_RUN, "")
    of_ours, of_others = (f"{ends.decided} of {ends.runs}" for ends in (ours, without))
    why = f"{of_ours} runs decided, {of_others} without entropy regularization"
    if ours.decided < ours.runs:
        return Verdict(FAILED, why)
    compared = judged(without.left.mean - ours.left.mean, both(ours.left.spread, without.left.spread), why)
    return compared if compared.outcome == HELD else Verdict(UNDECIDED, f"{why}: that does not show it to be the cause")


def entropy_left(run: FinishedRun) -> float | None:
    """Mean entropy of a slot at the end of the search, as a share of that at its start."""
    start, end = (number(run.search, f"entropy_at_{when}") for when in ("start", "end"))
    return end / start if start and end is not None else None


def _ties(run: FinishedRun) -> float | None:
    ties = run.search.get("ties_at_end")
    return float(len(ties)) if isinstance(ties, list) else None


def _has_decided(run: FinishedRun) -> bool:
    left = entropy_left(run)
    return left is not None and left < DECIDED and not _ties(run)
