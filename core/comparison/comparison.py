"""A comparison of runs: groups with their figures on one test set, over one cost, and what is on the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from qnas.core.comparison.cells import ON_FRONT, headings, row
from qnas.core.comparison.comparability import choose_test_set, common_test_sets, refuse_other_scales
from qnas.core.comparison.cost import CostAxis, cost_axes, cost_axis
from qnas.core.comparison.differences import notices
from qnas.core.comparison.fields import fields_of
from qnas.core.comparison.figure import Figure
from qnas.core.comparison.group import Group, same_spec
from qnas.core.comparison.labels import Names, name_groups
from qnas.core.comparison.natural import natural
from qnas.core.comparison.pareto import hypervolume, on_front
from qnas.core.comparison.reading.copies import without_copies
from qnas.core.comparison.reading.find import FoundRuns
from qnas.core.comparison.reading.finished_run import FinishedRun, LeftOut
from qnas.core.errors import InputError
from qnas.core.markup import lines, table
from qnas.core.run.names import RESULT


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other.

    Attributes:
        title: What is compared.
        groups: Groups of seeds, by series and in each by the values that are varied, numbers by their size.
        test: The test set of the figures.
        tests: All test sets that the runs have in common.
        images: How many images the test set has.
        scale: The factor of super-resolution.
        cost: What the comparison is made over.
        others: What else the runs state.
        bicubic: PSNR on Y of bicubic enlargement in dB, None if it is not known.
        notices: What should be known before the figures are compared.
        left_out: Runs that are not in it.
    """

    title: str
    groups: Sequence[Group]
    test: str
    tests: Sequence[str]
    images: int
    scale: int
    cost: CostAxis
    others: Sequence[CostAxis]
    bicubic: float | None
    notices: Sequence[str]
    left_out: Sequence[LeftOut]

    @property
    def runs(self) -> list[FinishedRun]:
        """All runs that are in it."""
        return [run for group in self.groups for run in group.runs]

    @property
    def front(self) -> list[Group]:
        """The groups on the Pareto front, the cheapest first."""
        return sorted((group for group in self.groups if group.on_front), key=lambda group: group.position)

    @property
    def hypervolumes(self) -> dict[str, float]:
        """Series to its hypervolume, in dB above bicubic enlargement, or else the worst row, between all costs.

        Empty if all have the same cost.
        """
        places = [group.position for group in self.groups]
        cheapest, dearest = (pick(cost for cost, _ in places) for pick in (min, max))
        if not 0 < cheapest < dearest:
            return {}
        floor = min(psnr for _, psnr in places) if self.bicubic is None else self.bicubic
        positions = {name: [group.position for group in groups] for name, groups in self.series.items()}
        return {name: hypervolume(of, cheapest, dearest, floor) for name, of in positions.items()}

    @property
    def series(self) -> dict[str, list[Group]]:
        """Series to its groups, the cheapest first."""
        names = dict.fromkeys(group.series for group in self.groups)
        by_cost = sorted(self.groups, key=lambda group: group.position)
        return {name: [group for group in by_cost if group.series == name] for name in names}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All figures, a row a run: ``label``, ``series``, ``seed``, and those of result.json as ``test.Set5.psnr_y``.

        ``pandas.DataFrame`` takes it as it is. A row lacks what its run does not have.
        """
        return [_row(group, run) for group in self.groups for run in group.runs]

    @property
    def heading(self) -> str:
        """What is compared, on what, over what: two lines."""
        on = f"{self.test} ({self.images} images), x{self.scale}"
        return f"{self.title}\n{on}, {self.cost.heading}"

    @property
    def headings(self) -> list[str]:
        """The heads of the columns of its table: a mark, the name, PSNR, and then other figures."""
        return headings(self.cost, self.others, self.scale)

    @property
    def cells(self) -> list[list[str]]:
        """The same of its cells, a row for each group of seeds."""
        return [row(group, self.cost, self.others) for group in self.groups]

    def _repr_html_(self) -> str:
        """Its table, as notebooks show it."""
        left_out = [f"left out: {one.folder}: {one.why}" for one in self.left_out]
        below = lines([f"* {ON_FRONT}", *self.notices, *left_out])
        return table(self.headings, self.cells, self.heading) + below


def compare_runs(found: FoundRuns, test: str | None = None, cost: str | None = None, title: str = "") -> Comparison:
    """Put runs beside each other.

    Args:
        found: The runs.
        test: The test set to compare on; by default, of those that all have, the one with the most images.
        cost: What to compare them over: a cost of their specs, or a registered one; by default, the first.
        title: What is compared, in words; by default, how many runs.

    Raises:
        InputError: The runs can't be compared, or none is left.
    """
    axis = cost_axis(cost, found.runs)
    if not found.runs:
        raise InputError("no finished run is left to compare")
    refuse_other_scales(found.runs)
    name = choose_test_set(found.runs, test)
    costs = {run.folder: axis.measure(run) for run in found.runs}
    lacking = {run.folder: _lacking(run, name, axis, costs[run.folder]) for run in found.runs}
    runs, copies = without_copies([run for run in found.runs if not lacking[run.folder]])
    left_out = [*found.left_out, *(LeftOut(folder, why) for folder, why in lacking.items() if why), *copies]
    if not runs:
        raise InputError(f"no run is left to compare: {left_out[-1].folder}: {left_out[-1].why}")
    members, axes = same_spec(runs), cost_axes(runs)
    named = zip(name_groups(members), members, strict=True)
    groups = [_group(names, group, name, [costs[run.folder] for run in group]) for names, group in named]
    return Comparison(
        title=title or f"{len(runs)} run{'s' * (len(runs) != 1)}",
        groups=sorted(_with_front(groups), key=_counted),
        test=name,
        tests=common_test_sets(runs),
        images=len(runs[0].images[name]),
        scale=runs[0].scale,
        cost=axis,
        others=[other for other in axes if other.name != axis.name],
        bicubic=Figure.of(run.figure("test", name, "bicubic", "psnr_y") for run in runs).mean,
        notices=[*notices(members), *_older(runs, name, axes)],
        left_out=left_out,
    )


def _row(group: Group, run: FinishedRun) -> dict[str, Any]:
    figures = {path: value for path, value in fields_of(run.result).items() if isinstance(value, int | float)}
    return {
        "label": group.label,
        "series": group.series,
        "name": run.name,
        "seed": run.seed,
        "folder": str(run.folder),
        "on_front": group.on_front,
        "scale": run.scale,
        "device": run.environment.get("device"),
        **figures,
    }


def _group(names: Names, runs: Sequence[FinishedRun], test: str, costs: Sequence[float | None]) -> Group:
    psnr = [run.figure("test", test, "psnr_y") for run in runs]
    bicubic = [run.figure("test", test, "bicubic", "psnr_y") for run in runs]
    pairs = zip(psnr, bicubic, strict=True)
    return Group(
        names=names,
        runs=runs,
        cost=Figure.of(costs),
        psnr=Figure.of(psnr),
        ssim=Figure.of(run.figure("test", test, "ssim_y") for run in runs),
        gain=Figure.of(None if ours is None or theirs is None else ours - theirs for ours, theirs in pairs),
        points=[(at, of) for at, of in zip(costs, psnr, strict=True) if at is not None and of is not None],
    )


def _counted(group: Group) -> Any:
    """The place among all groups: by series, in it by the values that are varied, and then by cost."""
    return natural(group.series), natural(group.names.values), group.position


def _with_front(groups: Sequence[Group]) -> list[Group]:
    best = on_front([group.position for group in groups])
    return [replace(group, on_front=is_best) for group, is_best in zip(groups, best, strict=True)]


def _lacking(run: FinishedRun, test: str, axis: CostAxis, cost: float | None) -> str:
    """What a run must have and has not, ``""`` if it has all."""
    if run.figure("test", test, "psnr_y") is None:
        return f"{RESULT} has no PSNR on '{test}': the training diverged, or another version of qnas wrote it"
    if cost is None:
        return f"{RESULT} has no {axis.unit} {axis.size}".strip() + ": another version of qnas wrote it"
    return ""


def _older(runs: Sequence[FinishedRun], test: str, axes: Sequence[CostAxis]) -> list[str]:
    """Figures that only some runs have."""
    paths: list[tuple[str, ...]] = [("test", test, "ssim_y"), ("test", test, "bicubic", "psnr_y")]
    costs = [(axis.name, *filter(None, [axis.at])) for axis in axes if axis.always]
    lacking = []
    for path in [*paths, *costs, ("seconds", "search"), ("seconds", "train")]:
        without = [run for run in runs if run.figure(*path) is None]
        if without:
            who = f"{without[0].folder}/{RESULT}" + (f" and {len(without) - 1} more" if without[1:] else "")
            lacking.append(f"{who} has no {'.'.join(path)}: another version of qnas wrote it")
    return lacking
