"""The contract of launchers."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qnas.core.components import Engine, JobState, Launcher, Task
from qnas.core.errors import InputError
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_SUBMIT_SECONDS = 30.0
_END_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_BEGIN = "begun for the first time"
_RESUME = "gone on with"
_ENDING = "import sys; from pathlib import Path; Path({mark!r}).touch(); print({said!r}); sys.exit({code})"
_LASTING = """
import os, signal, sys, time
parent = os.getppid()
from pathlib import Path
def keep(*_):
    Path({kept!r}).touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, {handler})
Path({mark!r}).touch()
while os.getppid() == parent: time.sleep(0.01)
"""


def check_launcher(reference: Launcher | str | Mapping[str, Any]) -> None:
    """Check that a launcher meets its contract, by starting small processes.

    The packages that it requires are installed. What it submits is started once, in the working folder, by the command
    line that the task has at that time; what it prints is appended to the task's log. Submitting does not wait for it.
    Each job has a name of its own. A job that has ended stays so, and so does one that is not known; a failure is known
    by its exit code or not at all. A job that is canceled has time to keep its state; at once, it ends in any case.

    Args:
        reference: A launcher, its name, or a mapping of its name and fields.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Launcher.of, reference) as launcher:
        try:
            launcher.versions()
        except InputError as error:
            raise AssertionError(f"it can't be checked here: {error}") from error
        with tempfile.TemporaryDirectory() as parent, _connected(launcher, Path(parent)) as engine:
            with told_as("asked about a job that is not known"):
                assert engine.poll(["no such job"]) == [JobState("ended")], "it says that it goes on, or how it ended"
                engine.cancel(["no such job"])
            _check_ends(engine, Path(parent))
            _check_canceled(engine, Path(parent), launcher)


@contextlib.contextmanager
def _connected(launcher: Launcher, folder: Path) -> Iterator[Engine]:
    (folder / "sweep").mkdir()
    engine: object = launcher.connect(folder / "sweep")
    assert isinstance(engine, Engine), f"connect returns an object of type {type(engine).__name__}, not a qnas.Engine"
    with contextlib.closing(engine):
        yield engine


def _task(folder: Path, name: str, begin: str, resume: str = "") -> Task:
    command, again = ((sys.executable, "-S", "-c", code) for code in (begin, resume or begin))
    log, sweep = folder / "sweep/logs", folder / "sweep"
    files = (log / f"{name}.yaml", log / f"{name}.txt", log / f"{name}.progress")
    log.mkdir(exist_ok=True)
    files[0].write_text("name: small\n")
    return Task(name, command, again, sweep / name, sweep / name / "spec.yaml", *files)


def _check_ends(engine: Engine, folder: Path) -> None:
    """One that begins, one that goes on, and one that fails."""

    def code(name: str, said: str, number: int = 0) -> str:
        return _ENDING.format(mark=str(folder / name), said=said, code=number)

    tasks = [_task(folder, name, code(name, _BEGIN), code(name, _RESUME)) for name in ("first", "second")]
    tasks.append(_task(folder, "third", code("third", "wrong", 3)))
    for task in tasks[1:2]:
        task.folder.mkdir()
        task.begun.write_text("name: small\n")
        task.log.write_text("said before\n")
    jobs = _submitted(engine, tasks)
    ends = _ended(engine, jobs)
    for task, end, ok in zip(tasks, ends, (0, 0, 3), strict=True):
        with told_as(f"of a process that exits with {ok}"):
            assert (folder / task.name).exists(), f"it says that it has ended ({end.reason}), but it was not run"
            assert end.code in {ok, None}, f"it says that the exit code is {end.code}"
    logs = [[line for line in task.log.read_text().splitlines() if not line.startswith("$ ")] for task in tasks]
    assert logs[0] == [_BEGIN], f"of a run to begin, the log has {logs[0]}, not {[_BEGIN]}"
    wanted = ["said before", _RESUME]
    assert logs[1] == wanted, f"of a run that was begun, the log has {logs[1]}, not {wanted}"
    again = [state.state for state in engine.poll(jobs)]
    assert again == ["ended"] * 3, f"jobs that have ended are {', '.join(again)} when it is asked again"
    engine.cancel(jobs)


def _check_canceled(engine: Engine, folder: Path, launcher: Launcher) -> None:
    kept = folder / "kept"
    for name, handler in (("patient", "keep"), ("stubborn", "signal.SIG_IGN")):
        with told_as(f"with a {name} process"):
            mark = folder / name
            task = _task(folder, name, _LASTING.format(kept=str(kept), mark=str(mark), handler=handler))
            jobs = _submitted(engine, [task])
            _wait(mark.exists, "it is not started")
            state = engine.poll(jobs)[0].state
            known = {"running"} if launcher.at_a_time else {"queued", "running"}
            assert state in known, f"while it runs it is {state}"
            engine.cancel(jobs)
            if handler != "keep":
                engine.cancel(jobs, at_once=True)
            _ended(engine, jobs)
    assert kept.exists(), "a process that is canceled does not get SIGTERM, or no time to keep its state"


def _submitted(engine: Engine, tasks: Sequence[Task]) -> list[str]:
    began = time.monotonic()
    jobs: object = engine.submit(tasks)
    seconds = time.monotonic() - began
    assert seconds < _SUBMIT_SECONDS, f"to submit takes {seconds:.0f} s: don't wait for the processes"
    named = isinstance(jobs, list) and all(isinstance(job, str) for job in jobs) and len(set(jobs)) == len(tasks)
    assert isinstance(jobs, list) and named, (
        f"the names of {len(tasks)} jobs are {jobs!r}, not a different text for each"
    )
    return jobs


def _ended(engine: Engine, jobs: Sequence[str]) -> list[JobState]:
    """How jobs ended, each as it was said first."""
    ends: dict[str, JobState] = {}

    def all_ended() -> bool:
        left = [job for job in jobs if job not in ends]
        ends.update({job: s for job, s in zip(left, engine.poll(left), strict=True) if s.state == "ended"})
        return len(ends) == len(jobs)

    _wait(all_ended, "it does not say that they end")
    return [ends[job] for job in jobs]


def _wait(happened: Any, failure: str) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"{failure} within {_END_SECONDS:.0f} s"
        time.sleep(_LOOK_SECONDS)
