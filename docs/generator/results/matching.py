"""Matching: the points of two variants that have the same values of the varied fields."""

from collections.abc import Sequence

from qnas.core.comparison import FinishedRun, Group
from qnas.core.comparison.fields import canonical

Pairs = list[tuple[Group, Group]]


def matched(ours: Sequence[Group], others: Sequence[Group]) -> Pairs:
    """Each of ours with the one of the others whose spec has the same values in the fields that ours vary, if any.

    A variant that does not vary these fields is matched by the values in its spec.
    """
    varied = sorted({path for group in ours for run in group.runs if run.point for path in run.point.values})
    by_values = {_values(group, varied): group for group in others}
    keys = [(group, _values(group, varied)) for group in ours]
    return [(group, by_values[key]) for group, key in keys if key in by_values]


def same_seeds(one: Group, other: Group) -> list[tuple[FinishedRun, FinishedRun]]:
    """Pairs of runs with the same seed, one of each group."""
    by_seed = {run.seed: run for run in other.runs}
    return [(run, by_seed[run.seed]) for run in one.runs if run.seed in by_seed]


def _values(group: Group, paths: Sequence[str]) -> str:
    fields = group.runs[0].fields
    return canonical([fields.get(path) for path in paths])
