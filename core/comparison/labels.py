"""Names for groups of runs: the variant and values of a sweep, or what distinguishes them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from qnas.core.comparison.fields import differing, short_names, told
from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.comparison.reading.point import Point
from qnas.core.visible import visible

Runs = Sequence[FinishedRun]
Naming = Callable[[Sequence[Runs]], list[str]]


class Names(NamedTuple):
    """The names of a group.

    Attributes:
        label: Its own name, which no other group has.
        series: The name of what it is joined with by a line.
        values: What tells it apart within its series, empty if it is alone in it.
    """

    label: str
    series: str
    values: str = ""


def name_groups(groups: Sequence[Runs]) -> list[Names]:
    """The names of all groups, in their order."""
    swept = {id(runs): runs[0].point for runs in groups if runs[0].point}
    series = _series_names(swept.values())
    alone = [runs for runs in groups if id(runs) not in swept]
    called = dict(zip(map(id, alone), _first_distinct(alone), strict=True))
    names = [
        _names_of_point(point, series) if (point := swept.get(id(runs))) else _names_alone(runs[0], called[id(runs)])
        for runs in groups
    ]
    return [Names(*map(visible, name)) for name in _made_distinct(names, groups)]


def _series_names(points: Iterable[Point]) -> dict[tuple[object, str | None], str]:
    """Sweep and variant to the name of the series: the variant's, and the sweep's if that is needed to tell."""
    keys = dict.fromkeys((point.sweep.resolve(), point.variant) for point in points)
    plain = {key: key[1] or key[0].name for key in keys}
    shared = _repeated(plain.values())
    return {key: f"{key[0].name}: {name}" if name in shared and key[1] else name for key, name in plain.items()}


def _names_of_point(point: Point, series: dict[tuple[object, str | None], str]) -> Names:
    short = short_names(point.varied)
    values = ", ".join(f"{short[path]}={told(value)}" for path, value in point.values.items())
    name = series[point.sweep.resolve(), point.variant]
    label = " ".join(filter(None, (name if point.variant else "", values))) or name
    return Names(label, name, values)


def _names_alone(run: FinishedRun, label: str) -> Names:
    """The names of a group that no sweep made; the points of one front are a series."""
    return Names(label, label if run.front is None else f"{run.front}: front")


def _first_distinct(groups: Sequence[Runs]) -> list[str]:
    """The names by the first way of naming that makes all different."""
    ways: list[Naming] = [_spec_names, _folder_names, _differences]
    named = [way(groups) for way in ways]
    return next((names for names in named if not _repeated(names)), named[-1])


def _spec_names(groups: Sequence[Runs]) -> list[str]:
    return [runs[0].name for runs in groups]


def _folder_names(groups: Sequence[Runs]) -> list[str]:
    """The names of folders, where a group has one only."""
    return [runs[0].folder.resolve().name if len(runs) == 1 else runs[0].name for runs in groups]


def _differences(groups: Sequence[Runs]) -> list[str]:
    fields = [runs[0].fields for runs in groups]
    paths = differing(fields)
    short = short_names(paths)
    return [", ".join(f"{short[path]}={told(own[path])}" for path in paths if path in own) for own in fields]


def _made_distinct(names: Sequence[Names], groups: Sequence[Runs]) -> list[Names]:
    """The names, with the folder added to those that are still the same, or the same as another's series."""
    joined = {name.series for name in names if name.label != name.series}
    shared = _repeated(name.label for name in names) | joined
    return [
        _with_folder(name, runs[0]) if name.label in shared else name for name, runs in zip(names, groups, strict=True)
    ]


def _with_folder(name: Names, run: FinishedRun) -> Names:
    label = f"{name.label} ({run.folder})"
    return name._replace(label=label, series=name.series if run.point or run.front else label)


def _repeated(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}
