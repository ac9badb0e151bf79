"""One process at a time works in a folder.

On a file system with locks, the lock ends with its process, however that ends. Most network file systems share their
locks between machines. On one that does not, a process on another machine goes unseen, and there is a warning about
what it left. On a file system without locks, the lock is the existence of a file: that of a process of this machine
that is gone is recognised, that of another machine is believed. A second file names the holder, because on Windows no
other process can read a locked one.
"""

import contextlib
import errno
import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.atomic import naming

if TYPE_CHECKING:
    from filelock import BaseFileLock

FILE = ".lock"
HOLDER = ".holder.json"
STAND_IN = ".held"
"""A file whose existence is the lock, on file systems that have none."""

_PATIENCE_SECONDS = 0.2  # the file may be removed between opening and locking it
_GLANCE_SECONDS = 0.0
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class Holder(NamedTuple):
    """The process that works in a folder.

    Attributes:
        process: Its id.
        host: The machine that it is on.
        since: When it began, in local time.
    """

    process: int
    host: str
    since: str

    @classmethod
    def myself(cls) -> Self:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%d %H:%M:%S"))

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The process that the file names; None if it names none."""
        try:
            process, host, since = json.loads(path.read_bytes() if path.is_file() else b"")
            return cls(int(process), str(host), str(since))
        except (OSError, ValueError, TypeError):
            return None

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out of ``folder``, which exists.

    Raises:
        InputError: Another is at work in it; it says which. Or the file of the lock is a link.
        OSError: The folder can't be written to.
    """
    lock = _locked(folder)
    holder = folder / HOLDER
    try:
        _warn_of_another_machine(holder)
        holder.unlink(missing_ok=True)
        with holder.open("x") as stream:  # fails where another has put a link
            json.dump(Holder.myself(), stream)
        yield
    finally:
        holder.unlink(missing_ok=True)
        if sys.platform != "win32":  # where an open file stays; filelock removes it there
            (folder / FILE).unlink(missing_ok=True)
        lock.release()


def holder_of(folder: Path) -> Holder | None:
    """The process that works in a folder, as far as locks reach; None if there is none. It need not exist.

    Nothing is written, but on Windows.
    """
    if not any((folder / name).is_file() for name in (FILE, STAND_IN)):  # all that a lock could be
        return None
    holder = Holder.read(folder / HOLDER)
    return (holder or Holder(0, "?", "?")) if _is_held(folder, holder) else None


if sys.platform == "win32":  # where a file that is locked can't even be read

    def _is_held(folder: Path, _: Holder | None) -> bool:
        from filelock import Timeout

        try:
            _acquired(folder / FILE, _GLANCE_SECONDS).release()
        except (Timeout, OSError):
            return True
        return False

else:

    def _is_held(folder: Path, holder: Holder | None) -> bool:
        import fcntl

        try:
            descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return _is_stood_in_for(folder, holder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # closing the file gives it back
        except OSError as error:
            return error.errno not in _NO_LOCKS or _is_stood_in_for(folder, holder)
        finally:
            os.close(descriptor)
        return False

    def _is_stood_in_for(folder: Path, holder: Holder | None) -> bool:
        """Whether the file is there that is the lock where there are no locks, and not of a process that is gone."""
        if not (folder / STAND_IN).is_file():
            return False
        if holder is None or holder.host != socket.gethostname():
            return True
        try:
            os.kill(holder.process, 0)  # sends nothing
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):  # not ours to ask about
            return True
        return True


def _locked(folder: Path) -> "BaseFileLock":
    from filelock import Timeout

    path = folder / FILE
    try:
        with naming(path):
            return _acquired(path, _PATIENCE_SECONDS)
    except Timeout as error:
        who = Holder.read(folder / HOLDER)
        message = f"{who}, is at work in this folder" if who else "another process is at work in this folder"
        hint = "" if error.lock_file == str(path) else f"; if it is gone, remove {error.lock_file}"
        raise InputError(message + hint, str(folder)) from error
    except OSError as error:
        if path.is_symlink():
            raise InputError("is a link, and must be a file or nothing: remove it", str(path)) from error
        raise


def _acquired(path: Path, patience: float) -> "BaseFileLock":
    from filelock import FileLock, SoftFileLock

    try:
        lock = FileLock(path, timeout=patience, fallback_to_soft=False)
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(path.with_name(STAND_IN), timeout=patience)
        lock.acquire()
    return lock


def _warn_of_another_machine(holder: Path) -> None:
    left = Holder.read(holder)
    if left and left.host != socket.gethostname():
        what = f"{holder.parent}: {left}, did not finish: make sure that it is gone"
        warnings.warn(what, QnasWarning, stacklevel=4)
