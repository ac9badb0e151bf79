"""Ways out of a folder that a stranger may have filled, by which what is written into it would go elsewhere."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from qnas.core.errors import InputError


def refuse_links_out(folder: Path) -> None:
    """Refuse a folder in which, at any depth, a link leads out or nowhere, or something is neither file nor folder.

    To write into a pipe could also take for ever.

    Raises:
        InputError: There is one.
        OSError: A folder in it can't be looked into.
    """
    home = folder.resolve()
    for path in _all_in(folder):
        kind = _kind(path)
        if kind == stat.S_IFLNK and _leads_out(path, home):
            what = "is a link that leads out of the folder that is written to, or nowhere"
            raise InputError(f"{what}: put what it leads to in its place", str(path))
        if kind not in {stat.S_IFLNK, stat.S_IFREG, stat.S_IFDIR, None}:
            raise InputError("is neither a file nor a folder nor a link: remove it", str(path))


def _all_in(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_raise):
        yield from (Path(place) / name for name in (*folders, *files))


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # another process has removed it
        raise error


def _kind(path: Path) -> int | None:
    """What it is, None if another process has removed it."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except FileNotFoundError:
        return None


def _leads_out(link: Path, home: Path) -> bool:
    try:
        return not link.resolve(strict=True).is_relative_to(home)
    except (OSError, RuntimeError):  # to itself, say, which is an error of either kind
        return True
