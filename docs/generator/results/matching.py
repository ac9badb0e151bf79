"""Matching: the points of two variants that stand for the same values of what is varied."""

from collections.abc import Sequence

from qnas.core.comparison import FinishedRun, Group
from qnas.core.comparison.fields import canonical

Pairs = list[tuple[Group, Group]]


def matched(ours: Sequence[Group], others: Sequence[Group]) -> Pairs:
    """Each of ours with the other one whose spec has the same values at the fields that ours vary, if there is one.

    So a variant that does not vary them is met by the values that its spec has.
    """
    varied = sorted({path for group in ours for run in group.runs if run.point for path in run.point.values})
    by_values = {_values(group, varied): group for group in others}
    keys = [(group, _values(group, varied)) for group in ours]
    return [(group, by_values[key]) for group, key in keys if key in by_values]


def same_seeds(one: Group, other: Group) -> list[tuple[FinishedRun, FinishedRun]]:
    """Runs of both with the same seed."""
    by_seed = {run.seed: run for run in other.runs}
    return [(run, by_seed[run.seed]) for run in one.runs if run.seed in by_seed]


def _values(group: Group, paths: Sequence[str]) -> str:
    fields = group.runs[0].fields
    return canonical([fields.get(path) for path in paths])
