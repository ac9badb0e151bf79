"""Sweeps that another process follows: leaving one to it, looking at it, and stopping it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qnas.core.cli.terminal.say import say
from qnas.core.errors import InputError
from qnas.core.files.exclusive import Holder, holder_of

if TYPE_CHECKING:
    from rich.console import Console

    from qnas.core.sweep.status import Status

OUTPUT = "sweep.log"
"""What a sweep that was left prints, in its folder."""
_LOOK_SECONDS = 0.5
_SHARE = 0.05
"""Of one core, what looking may take."""
_FAILED = 1


def leave_sweep(folder: Path, arguments: Sequence[str]) -> int:
    """Leave a sweep to a process of its own, in a session of its own; returns the exit code.

    Args:
        folder: The sweep's.
        arguments: Those of ``qnas`` that follow it.

    Raises:
        InputError: Another process is at work in the folder.
    """
    from qnas.core.files.atomic import make_folder
    from qnas.core.sweep.command import qnas_command

    _refuse_followed(folder)
    make_folder(folder)
    output = folder / OUTPUT
    said_before = output.stat().st_size if output.is_file() else 0
    with output.open("a", encoding="utf-8") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            qnas_command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    while process.poll() is None:
        holder = holder_of(folder)
        if holder and holder.process == process.pid:
            process.returncode = 0  # it is not ours any more: don't warn that it goes on
            say(f"{holder}, follows the sweep; look at it with: qnas sweep --status {folder}")
            return 0
        time.sleep(0.1)
    with output.open(encoding="utf-8", errors="replace") as stream:
        stream.seek(said_before)
        say(stream.read().rstrip())
    return process.returncode


def _refuse_followed(folder: Path) -> None:
    holder = holder_of(folder)
    if holder is not None:
        raise InputError(f"{holder}, is at work in this folder", str(folder))


def show_sweep(folder: Path) -> int:
    """Show how a sweep stands: live in a terminal as long as a process follows it, once elsewhere.

    Returns:
        The exit code: 1 if a point has failed.

    Raises:
        InputError: There is no sweep in the folder, or a file of it is damaged.
    """
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.cli.terminal.sweep_table import summary, table
    from qnas.core.sweep.status import look

    console = Terminal()
    statuses = look(folder)
    if console.is_terminal and holder_of(folder):
        _show_live(statuses, folder)
    console.print(table(statuses))
    console.print(summary(statuses))
    failed = [status for status in statuses if status.state == "failed"]
    for status in failed:
        say(f"{status.point.folder} failed: {status.reason} (log: {status.log})")
    _say_who_follows(statuses, folder, console)
    return _FAILED if failed else 0


def _show_live(statuses: "Sequence[Status]", folder: Path) -> None:
    """Show it until nobody follows it any more, or Ctrl-C."""
    from qnas.core.cli.terminal.sweep_table import show_statuses
    from qnas.core.sweep.status import look_again

    try:
        with show_statuses(statuses) as show:
            while holder_of(folder):
                began = time.process_time()
                for status in statuses:
                    look_again(status, is_followed=True)
                show()
                time.sleep(max(_LOOK_SECONDS, (time.process_time() - began) / _SHARE))
    except KeyboardInterrupt:
        return
    for status in statuses:
        look_again(status, is_followed=False)


def _say_who_follows(statuses: "Sequence[Status]", folder: Path, console: "Console") -> None:
    holder = holder_of(folder)
    if holder:
        console.print(f"{holder}, follows the sweep; stop it with: qnas sweep --stop {folder}", soft_wrap=True)
    elif any(status.state in {"waiting", "running"} for status in statuses):
        console.print("nobody follows the sweep: repeat the command that began it to go on", soft_wrap=True)
    elif any(status.state == "done" for status in statuses):
        console.print(f"next: qnas compare {folder}", soft_wrap=True)


def stop_sweep(folder: Path) -> int:
    """Stop a sweep, and wait until its runs have kept their state; returns the exit code.

    Raises:
        InputError: Nobody follows it, or a process of another machine does.
    """
    holder = holder_of(folder)
    if holder is None:
        raise InputError("nobody follows a sweep in this folder", str(folder))
    _ask(holder, folder)
    say(f"asked process {holder.process} to stop; waiting until its runs have kept their state")
    while holder_of(folder) == holder:
        time.sleep(_LOOK_SECONDS)
    say("stopped: repeat the command that began the sweep to go on")
    return 0


def _ask(holder: Holder, folder: Path) -> None:
    if holder.host != socket.gethostname():
        raise InputError(f"{holder}, follows the sweep: stop it there", str(folder))
    os.kill(holder.process, signal.SIGTERM)
