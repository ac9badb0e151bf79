"""Links out of an untrusted folder, through which files written into it would end up elsewhere."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from qnas.core.errors import InputError


def refuse_links_out(folder: Path) -> None:
    """Refuse a folder with, at any depth, a link that leads out or nowhere, or anything but files and folders.

    Writing into a pipe, for example, could take forever.

    Raises:
        InputError: The folder has such an entry.
        OSError: A folder in it can't be read.
    """
    home = folder.resolve()
    for path in _all_in(folder):
        kind = _kind(path)
        if kind == stat.S_IFLNK and _leads_out(path, home):
            message = "is a link that leads out of the folder to write to, or nowhere"
            raise InputError(f"{message}: replace it by what it leads to", str(path))
        if kind not in {stat.S_IFLNK, stat.S_IFREG, stat.S_IFDIR, None}:
            raise InputError("is neither a file, a folder nor a link: remove it", str(path))


def _all_in(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_raise):
        yield from (Path(place) / name for name in (*folders, *files))


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # another process has removed it
        raise error


def _kind(path: Path) -> int | None:
    """The kind of a path, None if another process has removed it."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except FileNotFoundError:
        return None


def _leads_out(link: Path, home: Path) -> bool:
    try:
        return not link.resolve(strict=True).is_relative_to(home)
    except (OSError, RuntimeError):  # a loop, for example, raises either
        return True
