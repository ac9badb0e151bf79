"""Atomic writes: a whole file or nothing. What was written survives a power cut."""

import contextlib
import hashlib
import itertools
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_ASIDE = re.compile(r"\..+\.([0-9]+)")  # as written_aside names them
_LEFT_SECONDS = 3600.0
_LONGEST_NAME = 255  # bytes, on nearly every file system


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: aside first, then renamed into place.

    Raises:
        OSError: It can't be written; it names ``path``.
    """
    with written_aside(path) as aside:
        aside.write_bytes(content)


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Where to write what belongs at ``path``: the file is renamed into place if nothing fails.

    Raises:
        OSError: It can't be written; it names ``path``.
    """
    aside = _aside_of(path)
    try:
        make_folder(path.parent)
        yield aside
        with aside.open("r+b") as stream:
            os.fsync(stream.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise


def _aside_of(path: Path) -> Path:
    """A hidden file beside ``path`` with the id of this process. If the name is too long, a hash stands for it."""
    aside = f".{path.name}.{os.getpid()}"
    if len(os.fsencode(aside)) > _LONGEST_NAME >= len(os.fsencode(path.name)):
        aside = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{os.getpid()}"
    return path.with_name(aside)


def clear_asides(paths: Iterable[Path], *, only_left: bool = False) -> None:
    """Remove the half-written files that :func:`written_aside` left when its process was killed.

    Args:
        paths: Any files; others are left alone.
        only_left: Other processes may be at work there: keep the files of processes that are alive, and those written
            to in the last hour, perhaps by another machine.

    Raises:
        OSError: One can't be removed.
    """
    for path in paths:
        found = _ASIDE.fullmatch(path.name)
        if found and not path.is_dir() and not (only_left and _is_perhaps_written(path, int(found[1]))):
            path.unlink(missing_ok=True)


def _is_perhaps_written(aside: Path, process: int) -> bool:
    return _is_alive(process) or time.time() - aside.lstat().st_mtime < _LEFT_SECONDS


def _is_alive(process: int) -> bool:
    """Whether this machine has a process with that id. On Windows, where asking could end it, assume so."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def make_folder(path: Path) -> None:
    """Make a folder and its parents so that all of them survive a power cut.

    Raises:
        OSError: It can't be made.
    """
    made = list(itertools.takewhile(lambda folder: not folder.exists(), (path, *path.parents)))
    path.mkdir(parents=True, exist_ok=True)
    for folder in made:
        sync_folder(folder.parent)  # which holds its name


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """A context in which errors of the operating system name the file."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power cut, if the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
