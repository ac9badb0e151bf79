"""A run by several processes: started by PyTorch's elastic launch, as ``torchrun`` does it, and reported as one."""

import contextlib
import json
import logging
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas.core.errors import QnasError
from qnas.core.ranks import LostProcessError, environment
from qnas.core.sweep.command import qnas_command

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

_STARTED = "QNAS_PROCESSES"
"""Set for processes whose failure the one that started them reports."""

_RUN = "qnas"
_GLANCE_SECONDS = 0.2
_PATIENCE_SECONDS = "300"
"""How long processes that are asked to stop may take for the step, or the validation, that they are at."""


def start(processes: int, arguments: Sequence[str], resume_command: Callable[[], Sequence[str]]) -> None:
    """Run a command of qnas by several processes of this machine, and wait for their end.

    Args:
        processes: How many.
        arguments: What follows ``qnas``.
        resume_command: The command line that goes on with the run.

    Raises:
        QnasError: One of them failed or was killed, and the others are stopped; or all were asked to stop.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    os.environ[_STARTED] = str(processes)
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", _PATIENCE_SECONDS)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    with tempfile.TemporaryDirectory(prefix="qnas-") as records:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=_RUN,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            monitor_interval=_GLANCE_SECONDS,
            logs_specs=DefaultLogsSpecs(records),
        )
        try:
            command, *rest = qnas_command(*arguments)
            elastic_launch(config, command)(*rest)
        except ChildFailedError as error:
            raise _failure(error.failures, processes, f"go on with: {shlex.join(resume_command())}") from error
        except SignalException as error:
            stopped = QnasError(
                _recorded_by_main(Path(records)) or f"stopped; go on with: {shlex.join(resume_command())}"
            )
            stopped.exit_code = 128 + error.sigval
            raise stopped from error


def _recorded_by_main(records: Path) -> str:
    """The error that the first process has recorded, if any."""
    for path in records.rglob("0/error.json"):
        recorded: str = json.loads(path.read_text())["message"]["message"]
        return "" if recorded.startswith(LostProcessError.__name__) else recorded.partition(": ")[2]
    return ""


def _failure(failures: "Mapping[int, ProcessFailure]", processes: int, go_on: str) -> QnasError:
    """What to say of the processes that failed: of the first whose end does not come from another's."""
    rank, failure = min(failures.items(), key=lambda item: (_comes_of_another(item[1]), item[0]))
    said = _told(failure).partition(": ")[2]
    if said:
        error = QnasError(said if rank == 0 else f"process {rank} of {processes}: {said}")
        error.exit_code = failure.exitcode
        return error
    how = f"was killed by {failure.signal_name()}" if failure.exitcode < 0 else f"ended with {failure.exitcode}"
    return QnasError(f"process {rank} of {processes} {how}; {go_on}")


def _comes_of_another(failure: "ProcessFailure") -> bool:
    was_stopped = failure.exitcode in {-signal.SIGTERM, 128 + signal.SIGTERM}
    return was_stopped or _told(failure).startswith(LostProcessError.__name__)


def _told(failure: "ProcessFailure") -> str:
    """The error that a process has recorded, after the name of its class."""
    recorded: Any = failure.message
    return str(recorded["message"]) if isinstance(recorded, dict) else ""


@contextlib.contextmanager
def helping() -> Iterator[bool]:
    """A context for a command of one of several processes; gives whether it is not the first, which alone is heard.

    Errors are recorded for what started the processes.
    """
    started = environment()
    if started.size == 1:
        yield False
        return
    try:
        with contextlib.nullcontext() if started.is_main else _silence():
            yield not started.is_main
    except BaseException as error:
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        get_error_handler().record_exception(error)
        if _is_reported(error):
            sys.exit(getattr(error, "exit_code", 1))
        raise


def _is_reported(error: BaseException) -> bool:
    """Whether others say what happened."""
    is_told = isinstance(error, QnasError) and _STARTED in os.environ
    return is_told or isinstance(error, LostProcessError) or not environment().is_main


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
