"""The folder where a run keeps copies of the files that its space names, so that it depends on no other files."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

_HOME: ContextVar[Path | None] = ContextVar("home", default=None)


@contextlib.contextmanager
def at_home(folder: Path | None) -> Iterator[None]:
    """A context in which new spaces read their files from a run's folder (see :meth:`Space.keep`)."""
    token = _HOME.set(folder.absolute() if folder else None)
    try:
        yield
    finally:
        _HOME.reset(token)


def home() -> Path | None:
    """The run's folder of the current context, if any."""
    return _HOME.get()
