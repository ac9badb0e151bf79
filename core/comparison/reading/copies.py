"""Copies of a run in other folders, which don't count as seeds."""

from collections.abc import Sequence

from qnas.core.comparison.fields import canonical
from qnas.core.comparison.reading.finished_run import FinishedRun, LeftOut


def without_copies(runs: Sequence[FinishedRun]) -> tuple[list[FinishedRun], list[LeftOut]]:
    """The runs, each once, and those that have the spec, the seed and all scores of an earlier one."""
    firsts: dict[str, FinishedRun] = {}
    copies = []
    for run in runs:
        first = firsts.setdefault(_identity(run), run)
        if first is not run:
            why = f"it is the same run as {first.folder} (spec, seed and scores), which counts once"
            copies.append(LeftOut(run.folder, why))
    return list(firsts.values()), copies


def _identity(run: FinishedRun) -> str:
    """A text that copies of a run share, but not the points of two variants of a sweep."""
    variant = run.point.variant if run.point else None
    result = {key: value for key, value in run.result.items() if key != "seconds"}
    return canonical([variant, run.fields, run.seed, result, run.images])
