"""The contract of launchers: each way to break it is reported."""

import os
from collections.abc import Callable

import pytest

from qnas.core.components import Engine, JobState, Launcher
from qnas.testing import check_launcher


class Processes(Engine):
    """Keeps it."""

    def __init__(self):
        self.processes = {}

    def submit(self, tasks):
        started = [task.start(os.environ) for task in tasks]
        self.processes.update({str(process.pid): process for process in started})
        return [str(process.pid) for process in started]

    def poll(self, jobs):
        return [self.state(self.processes.get(job)) for job in jobs]

    def state(self, process):
        code = process.poll() if process else None
        return JobState("running" if process and code is None else "ended", code)

    def cancel(self, jobs, at_once=False):
        for process in (self.processes[job] for job in jobs if job in self.processes):
            (process.kill if at_once else process.terminate)()


class Starting(Launcher):
    """Keeps it too."""

    def connect(self, folder, plugins=()):
        return Processes()


class Waiting(Processes):
    def submit(self, tasks):
        jobs = super().submit(tasks)
        return [f"{len(jobs)} jobs"] * len(jobs)


class Beginning(Processes):
    def submit(self, tasks):
        for task in tasks:
            object.__setattr__(task, "resume", task.begin)
        return super().submit(tasks)


class Cheerful(Processes):
    def state(self, process):
        state = super().state(process)
        return state._replace(code=0) if process and state.state == "ended" else state


class Murderous(Processes):
    def cancel(self, jobs, at_once=False):
        super().cancel(jobs, at_once=True)


class Knowing(Processes):
    def state(self, process):
        return super().state(process) if process else JobState("running")


class Idle(Processes):
    def submit(self, tasks):
        return [f"job {index}" for index, _ in enumerate(tasks)]


def test_a_launcher_that_keeps_it(registered: Callable[..., str]) -> None:
    check_launcher(registered(Starting))


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (Waiting, "the names of 3 jobs are .*, not a different text for each"),
        (Beginning, "of a run that was begun, the log has .*first time"),
        (Cheerful, "of a process that exits with 3: it says that the exit code is 0"),
        (Murderous, "does not get SIGTERM, or no time to keep its state"),
        (Knowing, "asked about a job that is not known: it says that it goes on"),
        (Idle, "it says that it has ended .*, but it was not run"),
    ],
)
def test_one_that_breaks_it(engine: type[Engine], told: str, registered: Callable[..., str]) -> None:
    class Broken(Starting):
        def connect(self, folder, plugins=()):
            return engine()

    with pytest.raises(AssertionError, match=told):
        check_launcher(registered(Broken))


def test_one_whose_package_is_missing(registered: Callable[..., str]) -> None:
    class Lacking(Starting):
        requires = ("an-engine-that-is-not-there",)
        extra = "there"

    with pytest.raises(AssertionError, match=r"needs an-engine-that-is-not-there, .* -m pip install 'qnas\[there\]'"):
        check_launcher(registered(Lacking))
