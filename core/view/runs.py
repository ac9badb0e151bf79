"""The runs of a folder, as they stand now."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from qnas.core.comparison.natural import natural
from qnas.core.comparison.reading.find import walk_runs
from qnas.core.comparison.reading.finished_run import number
from qnas.core.errors import InputError
from qnas.core.files.exclusive import holder_of
from qnas.core.files.folder import RunFolder
from qnas.core.run.costs import StatedCost, stated_costs
from qnas.core.run.names import RESULT, STAGES, result_of
from qnas.core.run.record import RunRecord
from qnas.core.sweep.status import Status, read_statuses
from qnas.core.view.folder import LookedAt
from qnas.core.view.standing import DONE, STATES, Standing, standing_of

_FRESH_SECONDS = 1.0
COMPARISON = "compare.html"
"""The page that compares the runs in a folder."""


class Figures(NamedTuple):
    """What a finished run reached.

    Attributes:
        test: The test set, the first of its spec.
        psnr: PSNR on Y in dB, None if it is not known.
        bicubic: The same of bicubic enlargement.
        cost: The first of all costs.
        value: What the network costs, at the smallest image size; None if it is not known.
        size: That size, such as ``32x32``; ``""`` for a cost that does not depend on it.
    """

    test: str
    psnr: float | None
    bicubic: float | None
    cost: StatedCost
    value: float | None
    size: str

    @property
    def at(self) -> str:
        """The size in words."""
        return f"at {self.size.replace('x', ' x ')} LR" if self.size else ""

    @property
    def gain(self) -> float | None:
        """By how many dB it is better than bicubic enlargement."""
        return None if self.psnr is None or self.bicubic is None else self.psnr - self.bicubic

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Figures":
        """Those of a result.json, which may be damaged."""
        tests, cost = result.get("test"), stated_costs()[0]
        name = str(next(iter(tests), "")) if isinstance(tests, Mapping) else ""
        psnr, bicubic = (number(tests, name, *path) for path in (("psnr_y",), ("bicubic", "psnr_y")))
        size, value = next(iter(cost.figures(result).items()), ("", None))
        return cls(name, psnr, bicubic, cost, value, size)


@dataclass(frozen=True)
class ViewedRun:
    """A run.

    Attributes:
        path: Its folder, relative to the folder that is shown, ``""`` if it is that.
        group: That of the sweep that it is a point of, or else that of the folder that it is in.
        standing: How it stands.
        record: Its files. A damaged one raises InputError when it is read.
        figures: What it reached, None if it is not finished.
        damage: Why what it reached can't be read.
    """

    path: str
    group: str
    standing: Standing
    record: RunRecord
    figures: Figures | None = None
    damage: str = ""

    @property
    def name(self) -> str:
        """Its folder within its group."""
        return os.path.relpath(self.path, self.group) if self.path else self.record.path.resolve().name

    @property
    def link(self) -> str:
        """The address of its page, relative to that of the list."""
        return address(f"{self.path}/") if self.path else ""

    @property
    def report_link(self) -> str:
        """The same of its report, which is beside its page."""
        return f"{self.link}{address(self.report)}"

    @property
    def home(self) -> str:
        """The address of the list relative to that of its page, ``""`` where there is no list."""
        return "../" * (self.path.count("/") + 1) if self.path else ""

    @cached_property
    def report(self) -> str:
        """The file name of the page that explains it, ``""`` if there is none."""
        page = self.record.page if self.standing == DONE else None
        return page.name if page else ""


@dataclass(frozen=True)
class RunList:
    """All runs of a folder.

    Attributes:
        title: The folder's name.
        runs: The runs, by group and in each by name, numbers by their size.
        notices: What of the folder can't be read.
    """

    title: str
    runs: Sequence[ViewedRun]
    notices: Sequence[str]

    @property
    def states(self) -> dict[str, int]:
        """State to how many runs are in it, without those in which none is."""
        counts = Counter(run.standing.state for run in self.runs)
        return {state: counts[state] for state in STATES if counts[state]}

    @property
    def groups(self) -> dict[str, list[ViewedRun]]:
        """Group to its runs."""
        names = dict.fromkeys(run.group for run in self.runs)
        return {name: [run for run in self.runs if run.group == name] for name in names}

    def within(self, folder: str) -> list[ViewedRun]:
        """The runs at any depth of a folder."""
        return [run for run in self.runs if not folder or run.path.startswith(f"{folder}/")]

    def comparison(self, folder: str) -> str:
        """The address of the page that compares the finished runs in a folder, ``""`` where there are no two."""
        done = sum(run.standing == DONE for run in self.within(folder))
        return address(f"{folder}/{COMPARISON}".lstrip("/")) if done > 1 else ""


def address(path: str) -> str:
    """The path of a file as a relative address."""
    return quote(os.fsencode(path))


class Runs:
    """Looks at the runs of a folder. Many threads may ask.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder.resolve()
        self._looking = threading.Lock()
        self._seen: RunList | None = None
        self._at = 0.0
        self._done: dict[str, tuple[object, ViewedRun]] = {}

    def look(self) -> RunList:
        """The runs as they stand, or stood a second ago."""
        with self._looking:
            if self._seen is None or time.monotonic() - self._at > _FRESH_SECONDS:
                self._seen, self._at = self._look(), time.monotonic()
            return self._seen

    def _look(self) -> RunList:
        sweeps = _Sweeps()
        found = sorted(walk_runs(self.folder, sweeps.add))
        points = sweeps.points
        planned = [folder for folder in points if folder not in set(found) and self._has(folder)]
        runs = [self._run(folder, points.get(folder)) for folder in (*found, *planned)]
        ordered = sorted(runs, key=lambda run: (natural(run.group), natural(run.path)))
        self._done = {run.path: (_version(run.record.folder), run) for run in ordered if run.standing == DONE}
        return RunList(self.home.name, ordered, sweeps.notices)

    def _has(self, folder: Path) -> bool:
        """Whether it would be in the folder that is shown, and no link leads out to it."""
        return folder.resolve().is_relative_to(self.home)

    def _run(self, folder: Path, point: "_Point | None") -> ViewedRun:
        path = _relative(folder, self.folder)
        run = LookedAt(folder, self.home)
        before, seen = self._done.get(path, (None, None))
        if seen is not None and before == _version(run):
            return seen
        standing = standing_of(run, point.status, point.is_followed) if point else standing_of(run)
        group = _relative(point.sweep if point else folder.parent, self.folder) if path else ""
        viewed = ViewedRun(path, group, standing, RunRecord(run))
        return _with_figures(viewed) if standing == DONE else viewed


def _with_figures(run: ViewedRun) -> ViewedRun:
    try:
        figures, damage = Figures.of(run.record.result), ""
    except InputError as error:
        figures, damage = None, str(error).removeprefix(f"{run.record.path}{os.sep}")
    return ViewedRun(run.path, run.group, run.standing, RunRecord(run.record.folder), figures, damage)


def _version(folder: RunFolder) -> object:
    """What changes when a finished run is written again."""
    return [changed(folder.path / name) for name in (result_of(STAGES[-1]), RESULT)]


def changed(file: Path) -> int | None:
    """When a file was changed, None if there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _relative(folder: Path, to: Path) -> str:
    return folder.relative_to(to).as_posix().removeprefix(".") if folder != to else ""


class _Point(NamedTuple):
    sweep: Path
    status: Status
    is_followed: bool


class _Sweeps:
    """The points of all sweeps that a walk comes by, by their folders, and what can't be read of them."""

    def __init__(self) -> None:
        self.points: dict[Path, _Point] = {}
        self.notices: list[str] = []

    def add(self, sweep: Path) -> Iterable[Path]:
        """Note the sweep in a folder. It names none of its runs: those that have begun are found by themselves."""
        try:
            is_followed = holder_of(sweep) is not None
            self.points.update({s.folder.path: _Point(sweep, s, is_followed) for s in read_statuses(sweep)})
        except InputError as error:
            self.notices.append(str(error))
        return ()
