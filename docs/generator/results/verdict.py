"""Verdicts, and the rule behind them: a difference counts if it is larger than the spread of seeds."""

from collections.abc import Sequence
from typing import NamedTuple

HELD = "held"
FAILED = "did not hold"
UNDECIDED = "undecided"
NOT_RUN = "not run"
UNKNOWN = "-"
"""In place of a figure that no run has."""


class Verdict(NamedTuple):
    """What the runs say about a claim.

    Attributes:
        outcome: ``held``, ``did not hold``, ``undecided`` or ``not run``.
        why: The figures that decide it.
    """

    outcome: str
    why: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.why}" if self.why else self.outcome


def judged(advantage: float, spread: float | None, why: str) -> Verdict:
    """The verdict on an advantage, which is negative if the runs show the opposite of the claim.

    Args:
        advantage: How far the claim was met.
        spread: The difference that seeds alone may cause, None if there is only one seed each.
        why: The figures in words.

    >>> judged(0.12, 0.05, "").outcome, judged(0.03, 0.05, "").outcome, judged(-0.12, 0.05, "").outcome
    ('held', 'undecided', 'did not hold')
    """
    if spread is None:
        return Verdict(UNDECIDED, f"{why}; with one seed each, the spread of seeds is not known")
    if abs(advantage) <= spread:
        return Verdict(UNDECIDED, f"{why}, which is no more than the spread of seeds")
    return Verdict(HELD if advantage > 0 else FAILED, why)


def together(verdicts: Sequence[Verdict]) -> str:
    """The outcome of a claim with several parts: it held if all of them did.

    >>> together([Verdict("held", ""), Verdict("not run", "")])
    'undecided'
    """
    outcomes = {verdict.outcome for verdict in verdicts}
    if len(outcomes) == 1:
        return outcomes.pop()
    return FAILED if FAILED in outcomes else UNDECIDED


def both(*spreads: float | None) -> float | None:
    """The spread of a difference of figures with these spreads; an unknown one is assumed to be as large as the others.

    >>> both(3.0, 4.0), both(None, None)
    (5.0, None)
    """
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return None
    mean_square = sum(spread**2 for spread in known) / len(known)
    return float((mean_square * len(spreads)) ** 0.5)
