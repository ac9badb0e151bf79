"""What is done on the machine of a cluster that a run was given to."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from qnas.core.components import Task
from qnas.core.files.exclusive import holder_of

_LOOK_SECONDS = 0.1
_FREE_SECONDS = 60.0
"""How long a run that was given away by mistake, or that lost its parent, has to leave its folder."""
_PATIENCE_SECONDS = 300.0


class Work:
    """Does one task after the other, each in a process.

    Args:
        where: The working folder.
        threads: How many threads a run uses.
    """

    def __init__(self, where: Path, threads: int) -> None:
        self.where = where
        self.threads = threads
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, task: Task) -> int:
        """Do it, and return its exit code. If this is interrupted, the run keeps its state first."""
        os.chdir(self.where)
        wait_until_free(task.folder)
        self._process = task.start({**os.environ, "OMP_NUM_THREADS": str(self.threads)})
        try:
            while (code := self._process.poll()) is None:
                time.sleep(_LOOK_SECONDS)
        except BaseException:
            self.stop()
            raise
        return code

    def stop(self) -> None:
        """Let the run keep its state and end, as SIGTERM does. A handler of signals may do it."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _has_ended(process.pid) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def _has_ended(process: int) -> bool:
    """Whether a child has ended. Nothing is taken from whoever waits for it, and no lock of theirs is needed."""
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def wait_until_free(folder: Path) -> None:
    """Wait until nobody is at work in a folder, or for a minute: the run itself then says who is."""
    deadline = time.monotonic() + _FREE_SECONDS
    while holder_of(folder) is not None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
