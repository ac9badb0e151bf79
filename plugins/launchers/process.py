"""Processes of this machine by names that no other process will have."""

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NamedTuple, Self


class ProcessName(NamedTuple):
    """A process: ids come again, but not with the same start.

    Attributes:
        host: The machine.
        process: Its id.
        start: When it began, by the machine's count; ``""`` where the system does not say.
    """

    host: str
    process: int
    start: str

    @classmethod
    def of(cls, process: int) -> Self:
        """The name of a process of this machine that is alive."""
        return cls(socket.gethostname(), process, _start(process))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The process that a text names; None if it names none."""
        host, _, rest = text.partition(" ")
        process, _, start = rest.partition(" ")
        return cls(host, int(process), start) if process.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.host} {self.process} {self.start}"

    @property
    def is_alive(self) -> bool:
        """Whether it is: on this machine, and if the system says when its processes began."""
        return bool(self.start) and self.host == socket.gethostname() and _start(self.process) == self.start

    def ask_to_end(self, at_once: bool = False) -> None:
        """End it if it is alive."""
        if self.is_alive and sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL if at_once else signal.SIGTERM)


def _start(process: int) -> str:
    """When a process began, in ticks since the machine did; ``""`` for one that is gone, or where Linux is not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before may hold anything
    return "" if state == "Z" else fields[18]
