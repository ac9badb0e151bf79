"""Finding runs: folders that are runs, or hold runs at any depth."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qnas.core.comparison.reading.finished_run import FinishedRun, LeftOut
from qnas.core.comparison.reading.point import Point, Sweeps, sweep_points
from qnas.core.errors import InputError
from qnas.core.run.names import ENVIRONMENT, SPEC
from qnas.core.spec.lacking import lack_the_same
from qnas.core.sweep.index import INDEX

_MARKS = (SPEC, ENVIRONMENT)
"""Files that a run's folder has from the start."""


@dataclass(frozen=True)
class FoundRuns:
    """What was found.

    Attributes:
        runs: The finished runs, each once.
        left_out: The others.
    """

    runs: tuple[FinishedRun, ...]
    left_out: tuple[LeftOut, ...]


def find_runs(paths: Iterable[Path]) -> FoundRuns:
    """The runs in these folders, and what can't be compared: unfinished, damaged, or only planned by a sweep.

    Raises:
        InputError: A folder does not exist or holds no run, or the list of a sweep is damaged.
    """
    sweeps = Sweeps()
    runs, left_out = [], []
    for folder in _once(folder for path in _without_files(paths) for folder in _run_folders(path)):
        point = sweeps.point_of(folder)
        try:
            runs.append(_read(folder, point))
        except InputError as error:
            left_out.append(LeftOut(folder, str(error).removeprefix(f"{folder}{os.sep}").removeprefix(f"{folder}: ")))
    # Then nothing needs to be filled in, which would load torch.
    if lack_the_same([run.run.spec_data for run in runs]):
        runs = [run.as_it_stands() for run in runs]
    return FoundRuns(tuple(runs), tuple(left_out))


def _read(folder: Path, point: Point | None) -> FinishedRun:
    if not folder.is_dir():
        raise InputError("the sweep has not begun it", str(folder))
    return FinishedRun.read(folder, point)


def _once(folders: Iterable[Path]) -> Iterable[Path]:
    """Each folder once, under the name that it was given first."""
    first: dict[Path, Path] = {}
    for folder in folders:
        first.setdefault(folder.resolve(), folder)
    return first.values()


def _without_files(paths: Iterable[Path]) -> list[Path]:
    """The paths without files, which a shell's ``baselines/*`` names too; if there is nothing else, all of them."""
    named = list(paths)
    return [path for path in named if not path.is_file()] or named


def _run_folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise InputError("there is no such folder: name folders of runs, or folders that hold runs", str(path))
    found = sorted(walk_runs(path, lambda sweep: [point.folder for point in sweep_points(sweep).values()]))
    if not found:
        raise InputError(f"there is no run in it (a run's folder has a {SPEC})", str(path))
    return found


def walk_runs(path: Path, points_of: Callable[[Path], Iterable[Path]]) -> Iterator[Path]:
    """The folders of runs at any depth of a folder; links to folders are not followed.

    Args:
        path: The folder.
        points_of: The folders of the points of the sweep in a folder, of which those that have begun are found anyway.
    """
    for place, folders, files in os.walk(path):
        folder = Path(place)
        if INDEX in files:
            yield from points_of(folder)
        elif any(mark in files for mark in _MARKS):
            yield folder
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".")]
