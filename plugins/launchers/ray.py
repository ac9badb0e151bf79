"""Runs as tasks of a Ray cluster."""

import contextlib
import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from qnas.core.components import Engine, JobState, Launcher, Task
from qnas.core.errors import InputError, first_line
from qnas.core.settings import Amount
from qnas.plugins.launchers.carried import CarriedFolder
from qnas.plugins.launchers.node import NodeReport, report_node
from qnas.plugins.launchers.work import Work

if TYPE_CHECKING:
    import ray

_ANSWER_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_QUIET = {"RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class RayLauncher(Launcher):
    """Tasks of a Ray cluster. One whose node dies is started again on another, and goes on from its last checkpoint.

    The nodes have qnas and the plugins that the runs need, which is checked before anything runs. The tasks end, with
    their state kept, if the sweep is stopped or killed.

    Attributes:
        jobs: How many runs at a time; by default as many as the cluster has room for.
        address: The cluster: ``auto`` for the one that ``RAY_ADDRESS`` names or that this machine is a node of,
            ``local`` for one of this machine alone that is started for the sweep, or ``host:port`` of its head.
        cpus: Cores, and threads, of a run.
        gpus: GPUs of a run; a part, such as 0.5, shares one.
        retries: How often a run may lose its node.
        folders: ``shared`` if the nodes see the sweep's folder and the working folder at their paths. With ``store`` a
            run's folder is carried to its node and, once it has ended, back; a run that loses its node begins again.
            Files that the specs name have to be on the nodes, at absolute paths.
    """

    requires: ClassVar = ("ray",)
    extra: ClassVar = "ray"
    example: ClassVar = {"address": "local"}

    address: str = "auto"
    cpus: Amount = 1
    gpus: Annotated[float, Field(ge=0, le=64)] = 0
    retries: Annotated[int, Field(ge=0, le=1000)] = 3
    folders: Literal["shared", "store"] = "shared"

    def connect(self, folder: Path, plugins: Sequence[str] = ()) -> Engine:
        """See :meth:`qnas.Launcher.connect`."""
        self.versions()
        _connect(_address(self.address))
        try:
            _refuse_unfit_nodes(folder.absolute(), plugins, self.folders == "shared")
        except BaseException:
            _disconnect()
            raise
        return _Tasks(self)


def _address(stated: str) -> str:
    """Where Ray looks for the cluster."""
    return os.environ.get("RAY_ADDRESS") or stated if stated == "auto" else stated


def _connect(address: str) -> None:
    import ray

    _refuse_silent(address)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        ray.init(
            address,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            include_dashboard=False if address == "local" else None,
        )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise _out_of_reach(address, first_line(error)) from error


def _refuse_silent(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for many minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _out_of_reach(address, first_line(error)) from error


def _out_of_reach(address: str, why: str) -> InputError:
    hint = "start one with: ray start --head" if address == "auto" else "is it the address that ray start printed?"
    return InputError(f"the launcher 'ray' reaches no cluster at '{address}': {why.rstrip('.')}; {hint}")


def _disconnect() -> None:
    import ray

    ray.shutdown()


def _refuse_unfit_nodes(folder: Path, plugins: Sequence[str], is_shared: bool) -> None:
    """Ask every node whether it can run what it would be given.

    Raises:
        InputError: One can't, or does not answer: a line for each.
    """
    import ray

    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    with _probe(folder) as (file, content):
        ask = ray.remote(num_cpus=0, max_retries=1)(report_node)
        asked = {
            node: ask.options(scheduling_strategy=_on(node)).remote(file, content, list(plugins)) for node in nodes
        }
        answers = {node: _answer(answer) for node, answer in asked.items()}
    faults = {node: _faults(answer, folder, is_shared) for node, answer in answers.items()}
    lines = [
        f"the node {nodes[node]['NodeManagerHostname']} ({nodes[node]['NodeManagerAddress']}) can't be used: {fault}"
        for node, found in faults.items()
        for fault in found
    ]
    if lines:
        raise InputError("\n".join(lines))


def _on(node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)


@contextlib.contextmanager
def _probe(folder: Path) -> Any:
    """A file in the folder, and what is in it."""
    content = secrets.token_hex(16)
    file = folder / f".probe-{os.getpid()}"
    file.write_text(content, encoding="utf-8")
    try:
        yield file, content
    finally:
        file.unlink(missing_ok=True)


def _answer(asked: "ray.ObjectRef[NodeReport]") -> NodeReport | str:
    """What a node says, or why it says nothing."""
    import ray

    try:
        answer: NodeReport = ray.get(asked, timeout=_ANSWER_SECONDS)
    except ray.exceptions.GetTimeoutError:
        return f"it does not answer within {_ANSWER_SECONDS:.0f} s"
    except ray.exceptions.RayTaskError as error:
        return _last_line(error)
    except ray.exceptions.RayError as error:
        return first_line(error)
    return answer


def _faults(answer: NodeReport | str, folder: Path, is_shared: bool) -> list[str]:
    return [answer] if isinstance(answer, str) else answer.faults(folder, is_shared)


def _last_line(error: Exception) -> str:
    """Ray's errors are tracebacks: what happened stands last."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


class _Done(NamedTuple):
    """How a task ended on its node.

    Attributes:
        code: The exit code of the run.
        folder: The run's folder, where it was carried.
        log: What the run printed, where its log is not seen here.
    """

    code: int
    folder: CarriedFolder | None = None
    log: bytes = b""


def _run_shared(task: Task, python: str, where: Path, threads: int) -> _Done:
    """Run a task on a node that sees its folder."""
    return _Done(Work(where, threads)(_with_python(task, python)))


def _run_carried(task: Task, python: str, spec: bytes, folder: CarriedFolder, threads: int) -> _Done:
    """Run a task on a node that is given its folder and brings it back."""
    with tempfile.TemporaryDirectory(prefix="qnas-") as parent:
        here = _moved(_with_python(task, python), Path(parent))
        here.spec.parent.mkdir()
        here.spec.write_bytes(spec)
        if folder.files:
            folder.write(here.folder)
        code = Work(Path(parent), threads)(here)
        return _Done(code, CarriedFolder.read(here.folder), here.log.read_bytes())


def _with_python(task: Task, python: str) -> Task:
    """The task with the Python of this machine in the place of the other's."""
    begin, resume = (tuple(sys.executable if p == python else p for p in line) for line in (task.begin, task.resume))
    return replace(task, begin=begin, resume=resume)


def _moved(task: Task, parent: Path) -> Task:
    """The task with all of its files in another place."""
    folder, files = parent / "run", parent / "files"
    spec, log, progress = (files / name for name in ("point.yaml", "log.txt", "progress"))
    places = {str(task.folder): str(folder), str(task.spec): str(spec), str(task.progress): str(progress)}
    begin, resume = (tuple(places.get(part, part) for part in line) for line in (task.begin, task.resume))
    return Task(task.name, begin, resume, folder, folder / task.begun.name, spec, log, progress)


class _Tasks(Engine):
    def __init__(self, launcher: RayLauncher) -> None:
        import ray

        self._launcher = launcher
        self._refs: dict[str, ray.ObjectRef[_Done]] = {}
        self._tasks: dict[str, Task] = {}
        self._ended: dict[str, JobState] = {}
        run = _run_shared if launcher.folders == "shared" else _run_carried
        self._remote: Any = ray.remote(
            num_cpus=launcher.cpus, num_gpus=launcher.gpus, max_retries=launcher.retries, retry_exceptions=False
        )(run)

    def submit(self, tasks: Sequence[Task]) -> list[str]:
        """See :meth:`qnas.Engine.submit`."""
        return [self._submit(task) for task in tasks]

    def _submit(self, task: Task) -> str:
        named = self._remote.options(name=task.name)
        if self._launcher.folders == "shared":
            ref = named.remote(task, sys.executable, Path.cwd(), self._launcher.cpus)
        else:
            carried = CarriedFolder.read(task.folder)
            ref = named.remote(task, sys.executable, task.spec.read_bytes(), carried, self._launcher.cpus)
        job = str(ref.hex())
        self._refs[job], self._tasks[job] = ref, task
        return job

    def poll(self, jobs: Sequence[str]) -> list[JobState]:
        """See :meth:`qnas.Engine.poll`. Which of them Ray has started it does not say: the runs themselves do."""
        import ray

        under_way = [self._refs[job] for job in jobs if job in self._refs]
        ready, _ = ray.wait(under_way, num_returns=len(under_way), timeout=0) if under_way else ([], [])
        for ref in ready:
            self._end(ref.hex(), ref)
        return [self._ended.get(job, JobState("queued" if job in self._refs else "ended")) for job in jobs]

    def _end(self, job: str, ref: "ray.ObjectRef[_Done]") -> None:
        del self._refs[job]
        self._ended[job] = self._how_it_ended(self._tasks.pop(job), ref)

    def _how_it_ended(self, task: Task, ref: "ray.ObjectRef[_Done]") -> JobState:
        import ray

        try:
            done = ray.get(ref)
            if done.folder is not None:
                _bring_back(task, done)
        except ray.exceptions.TaskCancelledError:
            return JobState("ended")
        except ray.exceptions.RayTaskError as error:
            return JobState("ended", None, _last_line(error))
        except ray.exceptions.RayError as error:
            lost = f"its node was lost, and {self._launcher.retries} more: {first_line(error)}"
            return JobState("ended", None, lost)
        except (OSError, InputError) as error:
            return JobState("ended", None, str(error))
        return JobState("ended", done.code)

    def cancel(self, jobs: Sequence[str], at_once: bool = False) -> None:
        """See :meth:`qnas.Engine.cancel`."""
        import ray

        for job in [job for job in jobs if job in self._refs]:
            ray.cancel(self._refs[job], force=at_once)
            if at_once:  # Ray ignores who cancels again; what is left of it ends with the connection
                del self._refs[job]
                self._ended[job] = JobState("ended")

    def close(self) -> None:
        """See :meth:`qnas.Engine.close`."""
        _disconnect()


def _bring_back(task: Task, done: _Done) -> None:
    if done.folder is not None and done.folder.files:
        done.folder.write(task.folder)
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with task.log.open("ab") as log:
        log.write(done.log)
