"""A run's folder that another process may be writing to, and that may come from a stranger."""

import errno
from pathlib import Path

from qnas.core.files.folder import RunFolder


class LookedAt(RunFolder):
    """Reads a run's folder as it stands: without what is half written, and nothing that a link leads out to.

    Args:
        path: The folder.
        home: The resolved folder that every file has to be in.
    """

    def __init__(self, path: Path, home: Path) -> None:
        super().__init__(path)
        self._home = home

    def read_bytes(self, name: str) -> bytes:
        """Read a file.

        Raises:
            OSError: It does not exist, or is a link that leads out.
        """
        return self._file(name).read_bytes()

    def _history_text(self, stage: str) -> str:
        return super()._history_text(stage).rpartition("\n")[0]

    def _file(self, name: str) -> Path:
        path = super()._file(name)
        if path.exists() and not path.resolve().is_relative_to(self._home):
            raise OSError(errno.EPERM, "it is a link that leads out of the folder that is shown")
        return path
