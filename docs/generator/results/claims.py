"""The claims: for each, a comparison of the runs it is about, and the verdicts on its parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qnas.core.comparison import Comparison, FoundRuns, Group, compare_runs

from . import decisions, stability, trade_off
from .roles import DIRECT, NO_ENTROPY, SEARCHED, TITLES, TRADE_OFFS
from .verdict import NOT_RUN, Verdict, together

Variants = Mapping[str, Sequence[Group]]
"""Variant to its groups; empty for a variant that has not run."""


@dataclass(frozen=True)
class Claim:
    """A claim, and what the runs say about it.

    Attributes:
        number: Its number.
        variants: The variants it is about.
        comparison: The comparison of their runs, None if there are none.
        groups: Variant to its groups.
        verdicts: The verdicts on its parts.
    """

    number: int
    variants: Sequence[str]
    comparison: Comparison | None
    groups: Variants
    verdicts: Sequence[Verdict]

    @property
    def title(self) -> str:
        """The claim in a line."""
        return TITLES[self.number]

    @property
    def outcome(self) -> str:
        """The overall verdict."""
        return together(self.verdicts)


def claims(found: FoundRuns, test: str | None = None) -> list[Claim]:
    """All claims.

    Args:
        found: The runs.
        test: The test set to compare on; by default the one with the most images.

    Raises:
        InputError: Runs of one claim can't be compared.
    """
    return [_claim(number, found, test) for number in TITLES]


def _claim(number: int, found: FoundRuns, test: str | None) -> Claim:
    variants = _variants(number)
    runs = tuple(run for run in found.runs if run.point and run.point.variant in variants)
    comparison = compare_runs(FoundRuns(runs, ()), test, title=f"{number}. {TITLES[number]}") if runs else None
    groups = {
        variant: [group for group in (comparison.groups if comparison else []) if group.variant == variant]
        for variant in variants
    }
    return Claim(number, variants, comparison, groups, _verdicts(number, groups))


def _variants(number: int) -> tuple[str, ...]:
    if number in TRADE_OFFS:
        return tuple(name for ours, baselines, beside in TRADE_OFFS[number] for name in (ours, *baselines, *beside))
    return (SEARCHED, {2: DIRECT, 3: NO_ENTROPY}[number])


def _verdicts(number: int, groups: Variants) -> list[Verdict]:
    if number in TRADE_OFFS:
        pairs = [(ours, name) for ours, baselines, _ in TRADE_OFFS[number] for name in baselines]
        return [_naming(trade_off.verdict_on(groups[o], groups[name], name), (o, name), groups) for o, name in pairs]
    judges: dict[int, Callable[[], list[Verdict]]] = {
        2: lambda: [judge(groups[SEARCHED], groups[DIRECT]) for judge in (stability.speed, stability.stability)],
        3: lambda: [decisions.verdict_on(*(decisions.decisions(groups[name]) for name in (SEARCHED, NO_ENTROPY)))],
    }
    return [_naming(verdict, _variants(number), groups) for verdict in judges[number]()]


def _naming(verdict: Verdict, needed: Sequence[str], groups: Variants) -> Verdict:
    """The verdict; if there is none because something has not run, it says what."""
    if verdict.outcome != NOT_RUN:
        return verdict
    missing = [name for name in needed if not groups[name]]
    return Verdict(NOT_RUN, f"no run of {' and of '.join(missing)}" if missing else "no two runs match")
