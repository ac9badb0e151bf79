"""Runs as jobs of Slurm, by submitit."""

import functools
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from qnas.core.components import Engine, JobState, Launcher, Task
from qnas.core.errors import InputError
from qnas.core.settings import Amount
from qnas.plugins.launchers.work import Work

if TYPE_CHECKING:
    import submitit

_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}
"""States of Slurm's jobs that don't come back; PREEMPTED and REQUEUED do."""
_TERMINATED = 128 + signal.SIGTERM
_PREEMPTION_SECONDS = 20.0
_ASK_SECONDS = 30  # between questions to Slurm's database, which all of its users share


class SlurmLauncher(Launcher):
    """Job arrays of Slurm, one job a run, submitted by submitit.

    The sweep's folder, the working folder and the installation of qnas are where all nodes have them. Before its time
    limit a run keeps its state, and its job is queued again. Jobs go on if whoever follows the sweep is killed.

    Attributes:
        jobs: How many runs at a time; by default as many as Slurm lets run.
        partition: The partition; by default the cluster's.
        account: What the time is charged to; by default the user's.
        minutes: The time limit of a job. A run may take longer: it is then queued again.
        warning: Seconds before the time limit at which a run is asked to keep its state.
        requeues: How often a run may reach the time limit.
        cpus: Cores, and threads, of a run.
        gpus: GPUs of a run.
        memory: Memory of a run in GB; by default the cluster's.
        cluster: ``slurm``, or ``local`` to try all of this without Slurm: submitit then starts processes here.
    """

    requires: ClassVar = ("submitit",)
    extra: ClassVar = "slurm"
    example: ClassVar = {"cluster": "local"}

    partition: str | None = None
    account: str | None = None
    minutes: Annotated[float, Field(gt=0, le=1e6)] = 60
    warning: Annotated[int, Field(ge=1)] = 120
    requeues: Annotated[int, Field(ge=0, le=10_000)] = 100
    cpus: Amount = 1
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    memory: Annotated[float, Field(gt=0)] | None = None
    cluster: Literal["slurm", "local"] = "slurm"

    @property
    def at_a_time(self) -> int | None:
        """See :attr:`qnas.Launcher.at_a_time`: Slurm itself holds back what is too much."""
        return None if self.cluster == "slurm" else self.jobs or 1

    def connect(self, folder: Path, plugins: Sequence[str] = ()) -> Engine:
        """See :meth:`qnas.Launcher.connect`."""
        del plugins  # the nodes have the same installation
        self.versions()
        return _Jobs(self, folder.absolute() / "launcher")

    def executor(self, folder: Path) -> "submitit.Executor":
        """What submits; ``folder`` is where it keeps its files."""
        import submitit

        made: submitit.Executor
        if self.cluster == "local":
            made = submitit.LocalExecutor(folder, max_num_timeout=self.requeues)
            made.update_parameters(timeout_min=self.minutes, signal_delay_s=self.warning, gpus_per_node=self.gpus)
            return made
        try:
            made = submitit.SlurmExecutor(folder, max_num_timeout=self.requeues)
        except RuntimeError:
            what = "the launcher 'slurm' finds no Slurm on this machine (no srun)"
            raise InputError(f"{what}; --with cluster=local tries it without") from None
        made.update_parameters(**{name: value for name, value in self._parameters().items() if value is not None})
        return made

    def _parameters(self) -> dict[str, Any]:
        return {
            "job_name": "qnas",
            "time": max(1, round(self.minutes)),
            "signal_delay_s": self.warning,
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "mem": f"{self.memory:g}GB" if self.memory else None,
            "partition": self.partition,
            "account": self.account,
            "array_parallelism": self.jobs,
        }


class _Requeued(Work):
    """Does a task, and lets submitit queue it again where Slurm warns of the time limit."""

    def __call__(self, task: Task) -> int:
        """Do it. Slurm sends SIGTERM to the run too, before it takes the node away: a signal for this one follows."""
        code = super().__call__(task)
        if code == _TERMINATED:
            time.sleep(_PREEMPTION_SECONDS)
        return code

    def checkpoint(self, task: Task) -> "submitit.helpers.DelayedSubmission":
        """What is left to do: submitit calls it in its handler of Slurm's signal."""
        import submitit

        self.stop()
        return submitit.helpers.DelayedSubmission(type(self)(self.where, self.threads), task)


class _RequeuedHere(_Requeued):
    """The same without Slurm: what is canceled gets SIGTERM alone, which submitit would ignore."""

    def __call__(self, task: Task) -> int:
        """Do it."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return super().__call__(task)


class _Jobs(Engine):
    def __init__(self, launcher: SlurmLauncher, folder: Path) -> None:
        self._launcher = launcher
        self._folder = folder
        self._executor = launcher.executor(folder)
        self._known: dict[str, submitit.Job[int]] = {}

    def submit(self, tasks: Sequence[Task]) -> list[str]:
        """See :meth:`qnas.Engine.submit`."""
        import submitit

        kind = _RequeuedHere if self._launcher.cluster == "local" else _Requeued
        work = kind(Path.cwd(), self._launcher.cpus)
        try:
            submitted = self._executor.map_array(work, tasks)
        except (subprocess.CalledProcessError, submitit.core.utils.FailedJobError) as error:
            said = str(error).strip().splitlines()
            raise InputError(f"Slurm takes no jobs: {said[-1] if said else 'sbatch failed'}") from error
        jobs = {job.job_id: job for job in submitted}
        self._known.update(jobs)
        return list(jobs)

    def poll(self, jobs: Sequence[str]) -> list[JobState]:
        """See :meth:`qnas.Engine.poll`."""
        return [self._state(self._job(name)) for name in jobs]

    def _job(self, name: str) -> "submitit.Job[int]":
        if name not in self._known:
            self._known[name] = _job_class(self._launcher.cluster)(self._folder, name)
        return self._known[name]

    def _state(self, job: "submitit.Job[int]") -> JobState:
        if job.paths.result_pickle.exists():  # it is not opened: how the run ended stands in its folder
            return JobState("ended")
        if self._launcher.cluster == "local":
            return JobState("running" if job.state == "RUNNING" else "ended")
        state = str(job.watcher.get_state(job.job_id)).split()[0]  # it may say by whom a job was cancelled
        if state in _ENDED:
            return JobState("ended", None, "" if state == "COMPLETED" else f"Slurm says: {state}")
        return JobState("running" if state == "RUNNING" else "queued")

    def cancel(self, jobs: Sequence[str], at_once: bool = False) -> None:
        """See :meth:`qnas.Engine.cancel`. Slurm itself ends what has not ended some time after it was asked to."""
        for name in jobs:
            job = self._job(name)
            process = getattr(job, "_process", None)  # there is no public way to ask a local job to end
            if process is None or at_once:
                job.cancel(check=False)
            else:
                process.terminate()


@functools.cache
def _job_class(cluster: str) -> Any:
    import submitit
    from submitit.slurm.slurm import SlurmInfoWatcher

    if cluster == "local":
        return submitit.LocalJob
    return type("SlurmJob", (submitit.SlurmJob,), {"watcher": SlurmInfoWatcher(delay_s=_ASK_SECONDS)})
