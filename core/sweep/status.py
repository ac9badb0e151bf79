"""The state of a sweep's points."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from qnas.core.errors import InputError, as_input_error
from qnas.core.files.exclusive import holder_of
from qnas.core.files.folder import RunFolder
from qnas.core.run.names import RESULT, SPEC, STAGES, result_of
from qnas.core.run.record import RunRecord
from qnas.core.sweep.index import read_index
from qnas.core.sweep.job import read_job
from qnas.core.sweep.progress import Progress, read_progress

if TYPE_CHECKING:
    from qnas.core.spec import Spec
    from qnas.core.sweep.plan import Point

_TELLING = 0.05
State = Literal["waiting", "running", "done", "failed"]


class Planned(Protocol):
    """A point, of which there need not be more than sweep.json has."""

    @property
    def folder(self) -> str:
        """Its run folder, relative to the sweep's."""

    @property
    def steps(self) -> Mapping[str, int]:
        """How many steps its stages will report."""


@dataclass
class Status:
    """The state of a point.

    Attributes:
        point: The point.
        folder: Its run folder.
        log: Where its process writes to. Beside it are its spec, its progress and its job.
        spec: What is run; None for one that is only looked at.
        state: ``done`` only once every stage has ended.
        is_submitted: Whether it is a launcher's, and not only planned.
        progress: How far it is while it runs.
        seconds: That it has been running for.
        reason: Why it failed.
        result: Its result.json once it is done.
        ended_before: Steps of it that an earlier sweep took.
    """

    point: Planned
    folder: RunFolder
    log: Path
    spec: "Spec | None" = None
    state: State = "waiting"
    is_submitted: bool = False
    progress: Progress = field(default_factory=Progress)
    seconds: float = 0.0
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    ended_before: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether there is a run to resume."""
        return RunRecord(self.folder).has_begun

    @property
    def has_ended(self) -> bool:
        """Whether all stages of its run have."""
        return self.folder.has(result_of(STAGES[-1]))

    @property
    def job_file(self) -> Path:
        """Where its job is written down."""
        return self.log.with_suffix(".json")

    @property
    def progress_file(self) -> Path:
        """Where its process says how far it is."""
        return self.log.with_suffix(".progress")

    @property
    def steps(self) -> int:
        """How many steps it takes from start to end."""
        return sum(self.point.steps.values())

    @property
    def steps_done(self) -> int:
        """How many of them are done."""
        stage = self.progress.stage
        if self.state == "done":
            return self.steps
        if stage not in STAGES:
            return self.ended_before
        steps = self.point.steps
        before = sum(steps.get(name, 0) for name in STAGES[: STAGES.index(stage)])
        return before + (self.progress.step if steps.get(stage) else 0)

    def finish(self) -> None:
        """Note that it is done.

        Raises:
            InputError: Its result can't be read.
        """
        self.result = RunRecord(self.folder).result
        with as_input_error(f"{self.folder.path / RESULT} is damaged"):
            self.seconds = sum(self.result["seconds"].values())
        self.state = "done"

    def fail(self, reason: str) -> None:
        """Note why it failed."""
        self.state, self.reason = "failed", reason


def begin_statuses(points: "Sequence[Point]", folder: Path) -> list[Status]:
    """The state of the points in the sweep's folder, before anything runs.

    Raises:
        InputError: Something is in the way of a point: a run of another spec, or something that is not a run.
    """
    return [_begin(point, folder) for point in points]


def _begin(point: "Point", folder: Path) -> Status:
    status = _planned(point, folder)
    status.spec = point.spec
    if not status.has_begun and status.folder.path.exists():
        raise InputError(f"is in the way: it is not a run (no {SPEC} in it); remove it", str(status.folder.path))
    if status.has_begun:
        _refuse_other_spec(status, point.spec)
        _note_what_ended(status)
    return status


def _planned(point: Planned, folder: Path) -> Status:
    return Status(point, RunFolder(folder / point.folder), folder / "logs" / f"{point.folder}.txt")


def _note_what_ended(status: Status) -> bool:
    """Note which stages have ended; returns whether all have."""
    ended = RunRecord(status.folder).ended
    status.ended_before = sum(status.point.steps.get(stage, 0) for stage in ended)
    if STAGES[-1] not in ended:
        return False
    status.finish()
    return True


def _refuse_other_spec(status: Status, spec: "Spec") -> None:
    from qnas.core.run.resuming.kept_spec import refuse_other_spec

    try:
        refuse_other_spec(spec, status.folder)
    except InputError as error:
        raise InputError(f"{error}; choose another folder with --out, or remove this one") from error.__cause__


def look(folder: Path) -> list[Status]:
    """The state of the points of a sweep that another process follows, or none: from its folder alone, without torch.

    Raises:
        InputError: There is no sweep in the folder, or a file of it is damaged.
    """
    statuses = read_statuses(folder)
    if not statuses:
        raise InputError("there is no sweep in the folder (no sweep.json in it)", str(folder))
    is_followed = holder_of(folder) is not None
    for status in statuses:
        look_again(status, is_followed)
    return statuses


def read_statuses(folder: Path) -> list[Status]:
    """The points that the sweep.json of a folder lists, none of them looked at yet.

    Raises:
        InputError: It is damaged.
    """
    return [_planned(point, folder) for point in read_index(folder)]


def look_again(status: Status, is_followed: bool) -> None:
    """Bring a status up to date by the files of its run and its job.

    Args:
        status: It is left alone if it is done.
        is_followed: Whether a process follows the sweep. If none does, a run is under way that holds its folder.
    """
    if status.state == "done" or (status.has_begun and _note_what_ended(status)):
        return
    job = read_job(status.job_file)
    if job is None:
        return
    if job.state == "failed":
        status.fail(job.reason)
        return
    is_running = job.state == "running" if is_followed else holder_of(status.folder.path) is not None
    status.state, status.reason = ("running" if is_running else "waiting"), ""
    status.is_submitted = is_followed and not job.is_over
    if is_running:
        status.seconds = time.time() - job.since
        status.progress = read_progress(status.progress_file, status.progress)


def seconds_left(statuses: Sequence[Status], elapsed: float) -> float | None:
    """How long the sweep will go on, None before a twentieth of a point is done: until then, starting is the most.

    Args:
        statuses: How its points stand.
        elapsed: Seconds since it was started.
    """
    worked = sum(status.steps_done - status.ended_before for status in statuses)
    left = sum(s.steps - s.steps_done for s in statuses if s.state in {"waiting", "running"})
    is_known = worked > _TELLING * max(status.steps for status in statuses)
    return elapsed / worked * left if is_known else None
