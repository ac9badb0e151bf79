"""The interface of launchers, which start the runs of a sweep: here, or on the machines of a cluster."""

import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

from qnas.core.components.component import Component
from qnas.core.components.requirements import versions_of
from qnas.core.settings import Amount


@dataclass(frozen=True)
class Task:
    """A run to start. All that is to be known of it later stands in files: how it ended in those of its folder.

    Attributes:
        name: The point of the sweep: ``"weight=0.001/seed-0"``.
        begin: The command line that begins it.
        resume: The command line that goes on with it.
        folder: The run's folder. It need not exist yet.
        begun: A file that exists once there is a run to go on with.
        spec: The file with its spec.
        log: Where what it prints is appended.
        progress: Where it says how far it is.
    """

    name: str
    begin: tuple[str, ...]
    resume: tuple[str, ...]
    folder: Path
    begun: Path
    spec: Path
    log: Path
    progress: Path

    def command(self) -> list[str]:
        """The command line that begins it, or that goes on with it if it was begun. Ask where and when it starts."""
        return list(self.resume if self.begun.is_file() else self.begin)

    def start(
        self, environment: Mapping[str, str], prefix: Sequence[str] = (), is_quoted: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Start it as a process of this one; once this one is gone, it keeps its state and ends.

        Args:
            environment: Its environment.
            prefix: What stands before the command line, such as ``nice``.
            is_quoted: Whether the command line behind that is one argument, for a shell, as ``ssh`` wants it.
        """
        command = self.command()
        line = [*prefix, shlex.join(command)] if is_quoted else [*prefix, *command]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(shlex.join(line).splitlines())}\n")
            log.flush()
            return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environment))  # noqa: S603 - our own command line


class JobState(NamedTuple):
    """How a submitted run stands.

    Attributes:
        state: ``queued``, ``running`` or ``ended``, however it ended.
        code: Its exit code where it has ended and that is known; negative for a signal.
        reason: Why it ended, where it could not say that itself, such as the loss of its machine.
    """

    state: Literal["queued", "running", "ended"]
    code: int | None = None
    reason: str = ""


class Engine(ABC):
    """A launcher at work: it submits runs, says how they stand, and cancels them.

    A job is named by a text, which is kept in the sweep's folder. Whoever goes on with the sweep, perhaps another
    process after this one was killed, asks a new engine about the jobs of before.
    """

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> list[str]:
        """Submit runs, and return the name of each one's job without waiting for it to start."""

    @abstractmethod
    def poll(self, jobs: Sequence[str]) -> list[JobState]:
        """How each job stands, in their order. Called a few times a second. One that is not known has ended."""

    @abstractmethod
    def cancel(self, jobs: Sequence[str], at_once: bool = False) -> None:
        """Ask jobs to keep their state and end, as SIGTERM does, without waiting for it.

        Args:
            jobs: Those that have not ended. One that has may be among them.
            at_once: They have had their time: end them.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Called at the end, once no job is left."""


class Launcher(Component):
    """Starts the runs of a sweep.

    Attributes:
        requires: Distributions that it needs.
        extra: The extra of qnas that installs them, if there is one.
        jobs: How many runs at a time; by default as many as there is room for.
    """

    kind = "launcher"
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    jobs: Amount | None = None

    @property
    def at_a_time(self) -> int | None:
        """How many runs it is given at a time; None for all at once, as to an engine that has a queue."""
        return self.jobs

    @abstractmethod
    def connect(self, folder: Path, plugins: Sequence[str] = ()) -> Engine:
        """Connect to what runs processes.

        Args:
            folder: The sweep's folder, which exists. It may keep files of its own in ``folder / "launcher"``.
            plugins: The distributions of third parties that the runs need.

        Raises:
            InputError: It can't be used: a package is not installed, a cluster is out of reach, or a machine of it
                lacks the folder or a plugin.
        """

    def versions(self) -> dict[str, str]:
        """The version of each distribution that it requires.

        Raises:
            InputError: One is not installed; the message says how to install it.
        """
        return versions_of(f"the launcher '{self.known_as}'", self.requires, self.extra)
