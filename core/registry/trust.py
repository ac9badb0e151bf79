"""Whose code may be imported: also that of plugins and of targets in specs, or only what qnas ships."""

import contextlib
from collections.abc import Iterator

OPTION = "--no-code"
_refusals = 0  # for the whole process: all of its threads must refuse the same


@contextlib.contextmanager
def no_foreign_code() -> Iterator[None]:
    """A context in which only the plugins that qnas ships are loaded, and nothing that a spec names is imported."""
    global _refusals  # noqa: PLW0603
    _refusals += 1
    try:
        yield
    finally:
        _refusals -= 1


def is_foreign_code_refused() -> bool:
    """Whether this is such a context."""
    return _refusals > 0
