"""Running a spec for a command: progress in the terminal, signals that stop it, and the last lines."""

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas.core.errors import QnasError

if TYPE_CHECKING:
    from qnas.core.files.folder import RunFolder
    from qnas.core.run.resuming.stop import Stop

_INTERRUPTED = 130


def run_and_show(
    folder: "RunFolder",
    run: "Callable[[Stop], dict[str, Any]]",
    resume_command: Callable[[], Sequence[str]],
    progress_file: Path | None = None,
) -> None:
    """Run with progress shown and signals heeded, and print what was found.

    Args:
        folder: The run's.
        run: Runs until it ends or is asked to stop.
        resume_command: The command line that goes on with it.
        progress_file: Where a sweep follows it.

    Raises:
        QnasError: It was stopped; the message says how to go on.
    """
    from qnas.core.cli.terminal.summary import print_summary

    try:
        with _followed(progress_file) as stop:
            summary = run(stop)
    except KeyboardInterrupt as error:
        raise _stopped(error, shlex.join(resume_command())) from error
    print_summary(summary, folder)


@contextlib.contextmanager
def _followed(progress_file: Path | None) -> "Iterator[Stop]":
    from qnas.core.cli.terminal.progress import show_progress
    from qnas.core.registry import listening
    from qnas.core.run.resuming.stop import stop_on_signals
    from qnas.core.sweep.progress import ProgressFile

    followed = listening(ProgressFile(progress_file)) if progress_file else contextlib.nullcontext()
    with show_progress() as progress, listening(progress), followed, stop_on_signals(progress.announce) as stop:
        yield stop


def _stopped(error: KeyboardInterrupt, command: str) -> "QnasError":
    """The error of a run that was asked to stop; its exit code is that of a process ended by the signal."""
    from qnas.core.errors import QnasError

    stopped = QnasError(f"{str(error) or 'stopped'}; go on with: {command}")
    stopped.exit_code = getattr(error, "exit_code", _INTERRUPTED)
    return stopped
