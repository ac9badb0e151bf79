"""Runs the points of a sweep, each in a process of its own."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically
from qnas.core.registry.trust import OPTION, is_foreign_code_refused
from qnas.core.run.resuming.stop import stop_on_signals
from qnas.core.spec import dump_spec
from qnas.core.sweep.progress import read_progress
from qnas.core.sweep.status import Status

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 300.0  # for a step, a validation and a checkpoint; who has less presses Ctrl-C again
_REASON_BYTES = 4096

Command = Callable[[Path, Path, Path, bool], Sequence[str]]
"""From the spec, the run's folder, the progress file and whether to resume to a command line."""


def qnas_run(spec: Path, out: Path, progress: Path, resume: bool) -> list[str]:
    """The command line that runs a point."""
    # Like the installed command, and unlike Python's -m, don't import from the working folder.
    safe_path = [] if str(Path.cwd()) in sys.path else ["-P"]
    flags = [flag for flag, is_set in (("--resume", resume), (OPTION, is_foreign_code_refused())) if is_set]
    options = ["--out", str(out), "--progress-file", str(progress), *flags]
    return [sys.executable, *safe_path, "-m", "qnas.core.cli", "run", str(spec), *options]


def run_points(
    statuses: Sequence[Status], jobs: int, report: Callable[[], None] = lambda: None, command: Command = qnas_run
) -> None:
    """Run the points that wait; one that fails does not stop the others.

    Args:
        statuses: The state of the points, which is kept up to date.
        jobs: How many to run at a time.
        report: Called a few times a second.
        command: The command line that runs a point.

    Raises:
        KeyboardInterrupt: It was asked to stop, by Ctrl-C or SIGTERM. The points that ran have kept their state, but
            for those that took too long, or where it was asked by Ctrl-C again.
    """
    waiting = [status for status in statuses if status.state == "waiting"]
    environment = _environment(jobs)
    with tempfile.TemporaryDirectory(prefix="qnas-sweep-") as folder, stop_on_signals() as stop, _ending() as running:
        stop.is_heeded = True
        while waiting or running:
            stop.leave()
            while waiting and len(running) < jobs:
                status = waiting.pop(0)
                progress = Path(folder) / f"{len(waiting)}.json"
                running.append(_start(status, progress, command, environment))
            report()
            time.sleep(_LOOK_SECONDS)
            running[:] = [child for child in running if child.goes_on()]
        report()


@dataclass(frozen=True)
class _Child:
    """A point whose process runs.

    Attributes:
        status: How the point stands.
        process: Its process.
        progress: The file that says how far it is.
        said_before: Bytes in the log that are not from this process.
        began: When it was started.
    """

    status: Status
    process: "subprocess.Popen[bytes]"
    progress: Path
    said_before: int
    began: float

    def goes_on(self) -> bool:
        """Whether it has not ended; its status is brought up to date."""
        status, code = self.status, self.process.poll()
        status.seconds = time.monotonic() - self.began
        status.progress = read_progress(self.progress, status.progress)
        if code == 0:
            try:
                status.finish()
            except InputError as error:
                status.fail(str(error))
        elif code is not None:
            status.fail(_reason(status.log, self.said_before, code))
        return code is None


def _start(status: Status, progress: Path, command: Command, environment: dict[str, str]) -> _Child:
    """Start a point's process.

    Its spec is written down beside its log first, so that one who changes the file meanwhile changes no point.
    """
    spec = status.log.with_suffix(".yaml")
    write_atomically(spec, dump_spec(status.point.spec).encode())
    line = command(spec, status.folder.path, progress, status.has_begun)
    with status.log.open("a", encoding="utf-8") as log:
        log.write(f"$ {shlex.join(line)}\n")
        log.flush()
        said_before = log.tell()
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)  # noqa: S603 - our own command line
    status.state = "running"
    return _Child(status, process, progress, said_before, time.monotonic())


@contextlib.contextmanager
def _ending() -> Iterator[list[_Child]]:
    """A list of children, none of which outlives the context; each is given time to write its checkpoint."""
    children: list[_Child] = []
    try:
        yield children
    finally:
        for child in children:
            child.process.terminate()
        try:
            _wait(children)
        finally:
            for child in children:
                child.process.kill()
                child.process.wait()


def _wait(children: Sequence[_Child]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.0, deadline - time.monotonic()))


def _environment(jobs: int) -> dict[str, str]:
    """The environment of each process: the cores are divided among them, unless the user has done that."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"OMP_NUM_THREADS": str(max(1, cores // jobs)), **os.environ}


def _reason(log: Path, said_before: int, code: int) -> str:
    """Why a process failed: the last line that it wrote, which is the error of a run."""
    if code < 0:
        return f"ended by signal {-code}, {signal.strsignal(-code)}" + " (out of memory?)" * (code == -signal.SIGKILL)
    with log.open("rb") as stream:
        stream.seek(max(said_before, log.stat().st_size - _REASON_BYTES))
        lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {code}"
