"""Costs whose prices are in a file."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import PrivateAttr

from qnas.core.components import Cost
from qnas.core.errors import InputError, from_field
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home, home


class FromFile(Cost):
    """A cost that has the field ``table``, a file of prices. A run keeps a copy of it, and takes them from there."""

    if TYPE_CHECKING:
        table: str | None  # each cost states it

    _home: Path | None = PrivateAttr(default_factory=home)

    def keep(self, folder: Path) -> None:
        """See :meth:`qnas.Cost.keep`."""
        if self.table is not None:
            with from_field("table"):
                RunFolder(folder).write_bytes(self._kept, _content(self.path))

    def kept_in(self, folder: Path) -> Self:
        """See :meth:`qnas.Cost.kept_in`."""
        with at_home(folder):
            copy = self.model_copy()
            copy._home = home()
        return copy

    @property
    def is_kept(self) -> bool:
        """Whether a run has a copy of the file."""
        return self._home is not None and (self._home / self._kept).is_file()

    @property
    def path(self) -> Path:
        """The file: the run's copy, or else the one that ``table`` names."""
        return self._home / self._kept if self._home is not None and self.is_kept else Path(self.table or "")

    @property
    def _kept(self) -> str:
        """The name of the copy in a run's folder, for another ``table`` another."""
        digest = hashlib.sha256((self.table or "").encode()).hexdigest()[:8]
        return f"costs/{Path(self.table or '').stem[:40]}-{digest}.json"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", str(path)) from None
