"""Runs on this machine, each a process of the sweep's own."""

import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from qnas.core.components import Engine, JobState, Launcher, Task
from qnas.core.settings import Amount
from qnas.plugins.launchers.process import ProcessName

_GPUS = "CUDA_VISIBLE_DEVICES"
_THREADS = "OMP_NUM_THREADS"


class LocalLauncher(Launcher):
    """Processes of this machine. They end, with their state kept, if the sweep is stopped or killed.

    The cores are divided among the runs: each is told by ``OMP_NUM_THREADS`` how many it may use, unless that is set
    already. Each run sees one GPU, that with the fewest runs, if there are any.

    Attributes:
        jobs: How many runs at a time.
        gpus: How many GPUs to use, of those that ``CUDA_VISIBLE_DEVICES`` leaves; by default all.
        pin: Whether each run is kept on cores of its own. Without, the system moves runs between cores.
    """

    jobs: Amount = 1
    gpus: Amount | None = None
    pin: bool = False

    def connect(self, folder: Path, plugins: Sequence[str] = ()) -> Engine:
        """See :meth:`qnas.Launcher.connect`."""
        del folder, plugins
        return _Processes(self.jobs, _visible_gpus()[: self.gpus], self.pin)


class _Place:
    """Where one run at a time is.

    Args:
        cores: Those that it may use.
        gpu: The GPU that it sees, if there is one.
    """

    def __init__(self, cores: Sequence[int], gpu: str | None) -> None:
        self.cores = cores
        self.gpu = gpu

    def environment(self) -> dict[str, str]:
        """The environment of the run."""
        gpu = {} if self.gpu is None else {_GPUS: self.gpu}
        return {_THREADS: str(len(self.cores)), **os.environ, **gpu}


class _Processes(Engine):
    def __init__(self, jobs: int, gpus: Sequence[str], pin: bool) -> None:
        cores = _cores()
        each = max(1, len(cores) // jobs)
        self._places = [
            _Place(_share(cores, index * each, each), gpus[index % len(gpus)] if gpus else None)
            for index in range(jobs)
        ]
        self._pin = pin
        self._running: dict[str, tuple[subprocess.Popen[bytes], _Place]] = {}

    def submit(self, tasks: Sequence[Task]) -> list[str]:
        """See :meth:`qnas.Engine.submit`."""
        return [self._start(task) for task in tasks]

    def _start(self, task: Task) -> str:
        taken = Counter(place for _, place in self._running.values())
        place = min(self._places, key=lambda one: taken[one])
        process = task.start(place.environment())
        if self._pin and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, place.cores)  # while it has one thread, from which all others have it
        job = str(ProcessName.of(process.pid))
        self._running[job] = process, place
        return job

    def poll(self, jobs: Sequence[str]) -> list[JobState]:
        """See :meth:`qnas.Engine.poll`."""
        return [self._state(job) for job in jobs]

    def _state(self, job: str) -> JobState:
        if job not in self._running:  # of a sweep that was killed
            process = ProcessName.read(job)
            return JobState("running" if process and process.is_alive else "ended")
        code = self._running[job][0].poll()
        if code is None:
            return JobState("running")
        del self._running[job]
        return JobState("ended", code)

    def cancel(self, jobs: Sequence[str], at_once: bool = False) -> None:
        """See :meth:`qnas.Engine.cancel`."""
        for job in jobs:
            if job in self._running:
                process = self._running[job][0]
                (process.kill if at_once else process.terminate)()
            elif process_of_before := ProcessName.read(job):
                process_of_before.ask_to_end(at_once)


def _cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _share(cores: Sequence[int], start: int, number: int) -> list[int]:
    """So many of the cores, from one on and then from the first again."""
    return [cores[(start + index) % len(cores)] for index in range(number)]


def _visible_gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    named = os.environ.get(_GPUS)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]
