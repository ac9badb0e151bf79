"""How a run stands: what its folder, its log and the sweep that it is a point of say."""

from dataclasses import dataclass
from typing import Literal

from qnas.core.errors import QnasError
from qnas.core.files.exclusive import holder_of
from qnas.core.files.folder import RunFolder
from qnas.core.run.log import read_log
from qnas.core.run.names import STAGES, result_of
from qnas.core.sweep.status import Status, look_again

State = Literal["under way", "done", "failed", "stopped", "waiting"]
STATES: tuple[State, ...] = ("under way", "done", "failed", "stopped", "waiting")


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Attributes:
        state: ``under way`` while a process works in its folder; ``done`` once every stage has ended; ``failed``;
            ``stopped`` if it can be resumed; ``waiting`` if a sweep has not begun it or has queued it again.
        stage: The stage that it is in, or was in last; ``""`` where that is not known.
        step: The last step of it that is known to be taken.
        steps: How many it has, 0 where that is not known.
        reason: Why it failed.
    """

    state: State
    stage: str = ""
    step: int = 0
    steps: int = 0
    reason: str = ""


DONE = Standing("done")


def standing_of(folder: RunFolder, point: Status | None = None, is_followed: bool = False) -> Standing:
    """How the run in a folder stands.

    Args:
        folder: The run's.
        point: Which point of a sweep it is, if it is one; it is brought up to date.
        is_followed: Whether a process follows that sweep.
    """
    if folder.has(result_of(STAGES[-1])):
        return DONE
    if point is not None:
        _bring_up_to_date(point, is_followed)
    logged = read_log(folder)
    stage, step, steps = logged.stage, logged.step, logged.steps
    if point is not None and point.state == "running" and point.progress.stage in STAGES:
        stage, step, steps = point.progress
    state, reason = _state(folder, point, logged.failure)
    return Standing(state, stage, step, steps, reason)


def _bring_up_to_date(point: Status, is_followed: bool) -> None:
    try:
        look_again(point, is_followed)
    except QnasError as error:  # the file of its job is damaged
        point.fail(str(error))


def _state(folder: RunFolder, point: Status | None, failure: str) -> tuple[State, str]:
    if holder_of(folder.path) is not None or (point is not None and point.state == "running"):
        return "under way", ""
    if point is not None and point.state == "failed":
        return "failed", point.reason
    if point is not None and (point.is_submitted or not point.has_begun):
        return "waiting", ""
    return ("failed", failure) if failure else ("stopped", "")
