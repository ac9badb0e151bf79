"""The points of a sweep, each with its spec, all checked before anything runs."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas.core.errors import InputError
from qnas.core.files.home import at_home
from qnas.core.images.settings import Data
from qnas.core.network import guard
from qnas.core.run.images import check_sets
from qnas.core.run.names import SPEC, STAGES
from qnas.core.run.stages.planned import planned_steps
from qnas.core.settings import as_of
from qnas.core.spec import Assignment, Spec, read_spec
from qnas.core.sweep.names import point_names
from qnas.core.sweep.sweep_file import Sweep, Variant
from qnas.core.training.machine import choose_device


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        folder: Its run folder, relative to the sweep's: ``"searched/weight=0.001/seed-0"``.
        variant: The name of its variant, if it has one.
        values: The varied fields and their values.
        spec: What is run.
        steps: How many steps its stages will report.
    """

    folder: str
    variant: str | None
    values: Mapping[str, Any]
    spec: Spec
    steps: Mapping[str, int]


@dataclass(frozen=True)
class _Combination:
    """A point before it has its seeds."""

    variant: Variant
    values: tuple[Assignment, ...]
    name: str

    @property
    def label(self) -> str:
        return "/".join(filter(None, (self.variant.name, self.name)))


def plan_points(sweep: Sweep, overrides: Sequence[str] = (), folder: Path | None = None) -> list[Point]:
    """All points of a sweep, in the order in which they run: the first seed of each, then the second, and so on.

    Args:
        sweep: The sweep.
        overrides: ``key.path=value`` each, as with ``--set``, for all points.
        folder: The sweep's, if it goes on: its runs have copies of files that a spec names and that may be gone.

    Raises:
        InputError: One line for each thing that is wrong with any of the specs, or with what they name.
    """
    assigned = [Assignment.read(text) for text in overrides]
    combinations = [one for variant in sweep.variants for one in _combinations(variant, assigned)]
    specs = _read_all(combinations, assigned, folder)
    steps = [_planned(spec) for spec in specs]
    return [
        Point(
            folder="/".join(filter(None, (one.label, f"seed-{seed}"))),
            variant=one.variant.name,
            values={value.path: value.value for value in one.values},
            spec=spec.model_copy(update={"seed": seed}),
            steps=planned,
        )
        for extra in range(sweep.seeds)
        for one, spec, planned in zip(combinations, specs, steps, strict=True)
        for seed in (spec.seed + extra,)
    ]


def _combinations(variant: Variant, overrides: Sequence[Assignment]) -> Iterator[_Combination]:
    """All combinations of the values that a variant varies."""
    for key, values in variant.vary.items():
        for assignment in (*variant.set, *overrides):
            if assignment.path == key:
                raise InputError(f"'{key}' is varied, so it can't be set too", assignment.where)
        for index, assignment in enumerate(values):
            if any(assignment.value == earlier.value for earlier in values[:index]):
                raise InputError(f"'{key}' has the value {assignment.value} twice", assignment.where)
    products = list(itertools.product(*variant.vary.values()))
    names = point_names([{one.path: one.value for one in values} for values in products])
    for values, name in zip(products, names, strict=True):
        yield _Combination(variant, values, name)


def _read_all(combinations: Sequence[_Combination], overrides: Sequence[Assignment], folder: Path | None) -> list[Spec]:
    """The spec of each.

    Raises:
        InputError: One line for each mistake, however many points have it.
    """
    specs: list[Spec] = []
    mistakes: dict[str, list[str]] = {}
    checked: set[Data] = set()
    for one in combinations:
        try:
            specs.append(_read(one, overrides, checked, folder))
        except InputError as error:
            for line in str(error).splitlines():
                mistakes.setdefault(line, []).append(one.label)
    if mistakes:
        raise InputError("\n".join(_described(line, points, len(combinations)) for line, points in mistakes.items()))
    return specs


def _described(mistake: str, points: Sequence[str], of: int) -> str:
    if len(points) == of:
        return mistake
    others = f" and {len(points) - 1} more" if len(points) > 1 else ""
    return f"{mistake} (in {points[0]}{others})"


def _read(one: _Combination, overrides: Sequence[Assignment], checked: set[Data], folder: Path | None) -> Spec:
    """The spec of a point, once its device and its images are known to be there."""
    # A field is set after the mapping that it stands in, whoever sets it: space=rfdn before space.channels=8.
    assigned = sorted((*one.variant.set, *overrides, *one.values), key=lambda value: value.path.count("."))
    try:
        file = read_spec(one.variant.spec, assigned)
    except InputError:
        begun = _begun(one, folder) if folder else None
        if begun is None:
            raise
        with at_home(begun):
            file = read_spec(one.variant.spec, assigned)
    with file.locate_errors():
        choose_device(file.spec.device)
        if file.spec.data not in checked:
            check_sets(file.spec.data)
            checked.add(file.spec.data)
    return file.spec


def _begun(one: _Combination, folder: Path) -> Path | None:
    """The folder of a run that has begun at a point, whatever its seed."""
    return next((run.parent for run in sorted((folder / one.label).glob(f"seed-*/{SPEC}"))), None)


def _planned(spec: Spec) -> dict[str, int]:
    with guard(spec.space), as_of(spec.version):
        return {stage: planned_steps(spec, stage) for stage in STAGES}
