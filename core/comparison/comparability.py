"""Whether runs can be compared: one scale, and a test set of the same images."""

from collections.abc import Sequence

from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.drawing.wording import the_baseline
from qnas.core.errors import InputError

_TOLERANCE_DB = 0.005
"""How much bicubic scores of the same images may differ between two runs."""


def refuse_other_scales(runs: Sequence[FinishedRun]) -> None:
    """Refuse runs of different scales.

    Raises:
        InputError: It names two of them.
    """
    first = runs[0]
    other = next((run for run in runs if run.scale != first.scale), None)
    if other:
        where = f"scale {first.scale} in {first.folder}, scale {other.scale} in {other.folder}"
        raise InputError(f"runs of different scales can't be compared: {where}")


def choose_test_set(runs: Sequence[FinishedRun], wanted: str | None) -> str:
    """The test set to compare on: the wanted one, or the largest of those that all runs have.

    Raises:
        InputError: There is no such set that all were judged on, and why.
    """
    names = dict.fromkeys(name for run in runs for name in run.images)
    if not names:
        raise InputError("the runs were judged on no test set", str(runs[0].folder))
    common = common_test_sets(runs)
    if wanted is not None and wanted not in names:
        raise InputError(f"no run was judged on '{wanted}' (all were on: {', '.join(common) or 'none in common'})")
    if wanted is not None and wanted not in common:
        raise InputError(unlike(runs, wanted))
    if not common:
        raise InputError("; ".join(unlike(runs, name) for name in list(names)[:2]))
    return wanted or max(common, key=lambda name: len(runs[0].images[name]))


def common_test_sets(runs: Sequence[FinishedRun]) -> list[str]:
    """The test sets that all runs were judged on, with the same images."""
    return [name for name in runs[0].images if not unlike(runs, name)]


def unlike(runs: Sequence[FinishedRun], name: str) -> str:
    """Why the runs can't be compared on a test set, ``""`` if they can."""
    lacking = next((run for run in runs if name not in run.images), None)
    if lacking:
        judged = f"{lacking.folder} was not judged on '{name}' (but on: {', '.join(lacking.images) or 'none'})"
        return f"runs of different test sets can't be compared: {judged}"
    first = runs[0]
    for run in runs[1:]:
        why = _other_images(first, run, name)
        if why:
            return f"the test sets '{name}' of {first.folder} and {run.folder} are not the same: {why}"
    return ""


def _other_images(one: FinishedRun, other: FinishedRun, name: str) -> str:
    differing = sorted(set(one.images[name]) ^ set(other.images[name]))
    if differing:
        of = one if differing[0] in one.images[name] else other
        return f"'{differing[0]}' is only in {of.folder}"
    ours, theirs = (run.figure("test", name, "bicubic", "psnr_y") for run in (one, other))
    if ours is not None and theirs is not None and abs(ours - theirs) > _TOLERANCE_DB:
        reached = f"{the_baseline(one.scale)} reaches {ours:.2f} dB and {theirs:.2f} dB"
        return f"{reached}, so the images or their LR versions differ"
    return ""
