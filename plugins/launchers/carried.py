"""A folder carried to another machine and back, with checksums."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from qnas.core.errors import InputError
from qnas.core.files.exclusive import FILE, HOLDER, STAND_IN

_OF_LOCKS = {FILE, HOLDER, STAND_IN}


@dataclass(frozen=True)
class CarriedFolder:
    """The files of a folder.

    Attributes:
        files: Their contents by their paths in the folder.
        digests: The SHA-256 of each.
    """

    files: Mapping[str, bytes]
    digests: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The files that are in a folder, which need not exist; without those of its lock."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _OF_LOCKS)
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, {name: _digest(content) for name, content in files.items()})

    def write(self, folder: Path) -> None:
        """Write a folder with these files in the place of what is there: all of them, or none.

        Raises:
            InputError: A file has changed on its way.
        """
        for name, content in self.files.items():
            if _digest(content) != self.digests.get(name):
                raise InputError("has changed on its way: its checksum is another", str(folder / name))
            if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
                raise InputError(f"would lie outside the folder: {name}", str(folder))
        aside, before = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
        shutil.rmtree(aside, ignore_errors=True)
        for name, content in self.files.items():
            path = aside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rename(before)
        aside.rename(folder)
        shutil.rmtree(before, ignore_errors=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
