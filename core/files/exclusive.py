"""One process at a time works in a folder.

On a file system with locks (``flock``), no two processes that see the same locks are in one folder, and a lock ends
with its process, however that ends. Most network file systems share their locks between machines. On one that does not,
a process on another machine is not seen, and there is a warning about what it left. On a file system without locks, the
file says who is there: a process of this machine that is gone is recognised, one of another machine is believed, and
two that come at the same instant both enter. On Windows nothing is locked.
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
from typing import NamedTuple, Self

from qnas.core.errors import InputError, QnasWarning

FILE = ".lock"
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
    def read(cls, handle: int) -> Self | None:
        """Who is written in the file; None where nobody is."""
        try:
            process, host, since = json.loads(os.pread(handle, 4096, 0))
            return cls(int(process), str(host), str(since))
        except (ValueError, TypeError):
            return None

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether a process of this machine has its id."""
        return is_alive(self.process)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


def is_alive(process: int) -> bool:
    """Whether a process of this machine has that id. On Windows, where asking could end it, each is believed to."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out of ``folder``, which exists.

    Raises:
        InputError: Another is at work in it; it says which. Or the file of the lock is a link.
        OSError: The folder can't be written to.
    """
    if sys.platform == "win32":
        yield
        return
    path = folder / FILE
    handle = _locked(path)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(Holder.myself()).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int:
    """A handle of the file, with the lock."""
    while True:
        handle = _opened(path)
        try:
            _lock(handle, path)
            if _is_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # whoever had the lock removed the file in between


def _opened(path: Path) -> int:
    """A handle of the file itself: whoever put a link in its place must not have another file written to."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if path.is_symlink():
            raise InputError("is a link, and must be a file or nothing: remove it", str(path)) from error
        raise


def _lock(handle: int, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = Holder.read(handle)
        told = f"{who}," if who else "another process"
        raise InputError(f"{told} is at work in this folder", str(path.parent)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            error.filename = str(path)
            raise
        _refuse_what_it_says(handle, path)
        return
    left = Holder.read(handle)
    if left and not left.is_here:
        what = f"{path.parent}: {left}, left without saying so: make sure that it is gone"
        warnings.warn(what, QnasWarning, stacklevel=2)


def _refuse_what_it_says(handle: int, path: Path) -> None:
    """Without locks: believe what is written in the file."""
    left = Holder.read(handle)
    if left and (left.is_alive if left.is_here else True):
        what = f"{left}, is at work in this folder; if it is gone, remove {path}"
        raise InputError(what, str(path.parent))


def _is_at(handle: int, path: Path) -> bool:
    """Whether the file of the handle is still the one at that path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
