"""Runs the points of a sweep: a launcher starts them, and what becomes of them is read in their folders."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.core.components.launcher import Engine, JobState, Launcher, Task
from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically
from qnas.core.files.exclusive import holder_of
from qnas.core.registry.trust import OPTION, is_foreign_code_refused
from qnas.core.run.names import SPEC
from qnas.core.run.resuming.stop import stop_on_signals
from qnas.core.spec import dump_spec
from qnas.core.sweep.command import qnas_command
from qnas.core.sweep.job import Job, read_job
from qnas.core.sweep.progress import Progress, read_progress
from qnas.core.sweep.status import Status

_LOOK_SECONDS = 0.2
_SHARE = 0.03
"""Of one core, what looking may take: with many runs it takes longer, and is done less often."""
_PATIENCE_SECONDS = 300.0  # for a step, a validation and a checkpoint; who has less presses Ctrl-C again
_END_SECONDS = 10.0  # for what is ended at once
_REASON_BYTES = 4096

Command = Callable[[Path, Path, Path, bool], Sequence[str]]
"""From the spec, the run's folder, the progress file and whether to resume to a command line."""


def qnas_run(spec: Path, out: Path, progress: Path, resume: bool) -> list[str]:
    """The command line that runs a point."""
    flags = [flag for flag, is_set in (("--resume", resume), (OPTION, is_foreign_code_refused())) if is_set]
    options = ["--out", str(out), "--progress-file", str(progress), *flags]
    return qnas_command("run", str(spec), *options)


def run_points(
    statuses: Sequence[Status],
    launcher: Launcher,
    engine: Engine,
    report: Callable[[], None] = lambda: None,
    command: Command = qnas_run,
) -> None:
    """Run the points that wait; one that fails does not stop the others.

    Args:
        statuses: The state of the points, which is kept up to date.
        launcher: What starts them.
        engine: The same at work.
        report: Called a few times a second.
        command: The command line that runs a point.

    Raises:
        InputError: A job of another launcher is under way.
        KeyboardInterrupt: It was asked to stop, by Ctrl-C or SIGTERM. The points that ran have kept their state, but
            for those that took too long, or where it was asked by Ctrl-C again.
    """
    _Sweep(statuses, launcher, engine, report, command).run()


@dataclass
class _Running:
    """A point whose job has not ended, as far as is known.

    Attributes:
        status: How the point stands.
        job: Its job.
        is_of_before: Whether a sweep that was killed submitted it: if it ends early, it is submitted again.
    """

    status: Status
    job: Job
    is_of_before: bool = False

    def now(self, state: str, reason: str = "") -> None:
        """Write down how the job stands."""
        if (state, reason) != (self.job.state, self.job.reason):
            self.job = self.job.now(state, reason)
            self.job.write(self.status.job_file)

    def is_over(self, found: JobState) -> bool:
        """Whether it has ended; its status is brought up to date."""
        status = self.status
        status.seconds = time.time() - self.job.since
        status.progress = read_progress(status.progress_file, status.progress)
        if found.state != "ended":
            self._goes_on(found.state == "running" or status.progress != Progress() or self._has_said())
            return False
        self._end(found)
        return True

    def _end(self, found: JobState) -> None:
        """Whether it is done stands in its folder alone."""
        status, reason = self.status, ""
        if status.has_ended or found.code == 0:
            try:
                status.finish()
            except InputError as error:
                reason = str(error)
        elif self.is_of_before:
            status.state = "waiting"
        else:
            reason = self._reason(found)
        if reason:
            status.fail(reason)
        self.now("failed" if reason else "ended", reason)

    def _goes_on(self, is_running: bool) -> None:
        self.status.state = "running" if is_running else "waiting"
        self.now("running" if is_running else "queued")

    def _has_said(self) -> bool:
        log = self.status.log
        return log.is_file() and log.stat().st_size > self.job.said_before

    def _reason(self, found: JobState) -> str:
        """Why it failed: what ended it, or else the last line that it wrote, which is the error of a run."""
        if found.reason:
            return found.reason
        code = found.code
        if code is not None and code < 0:
            killed = " (out of memory?)" * (code == -signal.SIGKILL)
            return f"ended by signal {-code}, {signal.strsignal(-code)}{killed}"
        return self._last_line() or ("ended without a result" if code is None else f"exit code {code}")

    def _last_line(self) -> str:
        log = self.status.log
        if not log.is_file():
            return ""
        with log.open("rb") as stream:
            stream.seek(max(self.job.said_before, log.stat().st_size - _REASON_BYTES))
            lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith("$ ")), "")


class _Sweep:
    """A sweep at work."""

    def __init__(
        self,
        statuses: Sequence[Status],
        launcher: Launcher,
        engine: Engine,
        report: Callable[[], None],
        command: Command,
    ) -> None:
        self._statuses = statuses
        self._launcher = launcher
        self._engine = engine
        self._report = report
        self._command = command
        self._name = launcher.known_as

    def run(self) -> None:
        """See :func:`run_points`."""
        with stop_on_signals() as stop, self._ending() as running:
            stop.is_heeded = True
            running.extend(self._adopted())
            waiting = [
                s for s in self._statuses if s.state == "waiting" and not any(s is one.status for one in running)
            ]
            while waiting or running:
                stop.leave()
                began = time.process_time()
                room = self._room(len(running), len(waiting))
                running.extend(self._submit(waiting[:room]))
                del waiting[:room]
                waiting += self._look(running)
                self._report()
                busy = time.process_time() - began
                time.sleep(max(_LOOK_SECONDS, busy / _SHARE))
            self._report()

    def _room(self, running: int, waiting: int) -> int:
        jobs = self._launcher.at_a_time
        return waiting if jobs is None else max(0, jobs - running)

    def _submit(self, statuses: Sequence[Status]) -> list[_Running]:
        if not statuses:
            return []
        tasks = [self._task(status) for status in statuses]
        said_before = [task.log.stat().st_size if task.log.is_file() else 0 for task in tasks]
        submitted = []
        for status, before, name in zip(statuses, said_before, self._engine.submit(tasks), strict=True):
            is_queued = self._launcher.at_a_time is None
            job = Job(self._name, name, "queued" if is_queued else "running", "", time.time(), before)
            job.write(status.job_file)
            status.state, status.is_submitted = ("waiting" if is_queued else "running"), True
            submitted.append(_Running(status, job))
        return submitted

    def _task(self, status: Status) -> Task:
        """The task of a point.

        Its spec is written down beside its log first, so that one who changes the file meanwhile changes no point.
        """
        spec, out, progress = status.log.with_suffix(".yaml"), status.folder.path, status.progress_file
        if status.spec is not None:
            write_atomically(spec, dump_spec(status.spec).encode())
        progress.unlink(missing_ok=True)
        begin, resume = (tuple(self._command(spec, out, progress, resume)) for resume in (False, True))
        return Task(status.point.folder, begin, resume, out, out / SPEC, spec, status.log, progress)

    def _look(self, running: list[_Running]) -> list[Status]:
        """Bring those that run up to date, and take those out that have ended; returns what is to be run again."""
        found = self._engine.poll([one.job.name for one in running])
        is_over = [one.is_over(state) for one, state in zip(running, found, strict=True)]
        ended = [one.status for one, over in zip(running, is_over, strict=True) if over]
        running[:] = [one for one, over in zip(running, is_over, strict=True) if not over]
        return [status for status in ended if status.state == "waiting"]

    def _adopted(self) -> list[_Running]:
        """The points whose jobs, submitted by a sweep that was killed, have not ended.

        Raises:
            InputError: Another launcher submitted one.
        """
        found = []
        for status in self._statuses:
            job = read_job(status.job_file) if status.state != "done" else None
            if job is not None and not job.is_over:
                if job.launcher == self._name:
                    found.append(_Running(status, job, is_of_before=True))
                else:
                    _refuse_another(status, job)
        states = self._engine.poll([one.job.name for one in found])
        return [one for one, state in zip(found, states, strict=True) if state.state != "ended"]

    @contextlib.contextmanager
    def _ending(self) -> Iterator[list[_Running]]:
        """A list of points, none of which runs on after the context; each is given time to write its checkpoint."""
        running: list[_Running] = []
        try:
            yield running
        finally:
            try:
                self._cancel(running, _PATIENCE_SECONDS)
            finally:
                self._cancel(running, _END_SECONDS, at_once=True)

    def _cancel(self, running: list[_Running], patience: float, at_once: bool = False) -> None:
        """Cancel jobs, wait until they have ended, and take those out that have."""
        if not running:
            return
        self._engine.cancel([one.job.name for one in running], at_once)
        deadline = time.monotonic() + patience
        while True:
            found = self._engine.poll([one.job.name for one in running])
            for one, state in zip(running, found, strict=True):
                if state.state == "ended":
                    one.now("ended")
            running[:] = [one for one, state in zip(running, found, strict=True) if state.state != "ended"]
            if not running or time.monotonic() > deadline:
                return
            time.sleep(0.05)


def _refuse_another(status: Status, job: Job) -> None:
    if job.state == "queued" or holder_of(status.folder.path) is not None:
        what = f"the launcher '{job.launcher}' has it (job {job.name}): go on with --launcher {job.launcher}"
        raise InputError(f"{what}, or cancel the job and remove {status.job_file}", str(status.folder.path))
