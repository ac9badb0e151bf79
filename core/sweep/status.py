"""The state of a sweep's points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from qnas.core.errors import InputError, as_input_error
from qnas.core.files.folder import RunFolder
from qnas.core.run.names import RESULT, SPEC, STAGES
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.kept_spec import refuse_other_spec
from qnas.core.sweep.plan import Point
from qnas.core.sweep.progress import Progress

_TELLING = 0.05
State = Literal["waiting", "running", "done", "failed"]


@dataclass
class Status:
    """The state of a point.

    Attributes:
        point: The point.
        folder: Its run folder.
        log: Where its process writes to.
        state: ``done`` only once every stage has ended.
        progress: How far it is while it runs.
        seconds: That it has been running for.
        reason: Why it failed.
        result: Its result.json once it is done.
        ended_before: Steps of it that an earlier sweep took.
    """

    point: Point
    folder: RunFolder
    log: Path
    state: State = "waiting"
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
        before = sum(self.point.steps[name] for name in STAGES[: STAGES.index(stage)])
        return before + (self.progress.step if self.point.steps[stage] else 0)

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


def begin_statuses(points: Sequence[Point], folder: Path) -> list[Status]:
    """The state of the points in the sweep's folder, before anything runs.

    Raises:
        InputError: Something is in the way of a point: a run of another spec, or something that is not a run.
    """
    return [_status(point, folder) for point in points]


def _status(point: Point, folder: Path) -> Status:
    status = Status(point, RunFolder(folder / point.folder), folder / "logs" / f"{point.folder}.txt")
    if not status.has_begun and status.folder.path.exists():
        raise InputError(f"is in the way: it is not a run (no {SPEC} in it); remove it", str(status.folder.path))
    if status.has_begun:
        _refuse_other_spec(status)
        ended = RunRecord(status.folder).ended
        status.ended_before = sum(point.steps[stage] for stage in ended)
        if STAGES[-1] in ended:
            status.finish()
    return status


def _refuse_other_spec(status: Status) -> None:
    try:
        refuse_other_spec(status.point.spec, status.folder)
    except InputError as error:
        raise InputError(f"{error}; choose another folder with --out, or remove this one") from error.__cause__


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
