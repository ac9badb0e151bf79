"""Whose code may be imported: that of plugins and of what specs name, or none but what qnas ships."""

import contextlib
from collections.abc import Iterator

OPTION = "--no-code"
_refusals = 0  # for the whole process, threads too: what is refused must not depend on who asks


@contextlib.contextmanager
def no_foreign_code() -> Iterator[None]:
    """A context in which no plugin is loaded but those that qnas ships, and nothing is imported that a spec names."""
    global _refusals  # noqa: PLW0603
    _refusals += 1
    try:
        yield
    finally:
        _refusals -= 1


def is_foreign_code_refused() -> bool:
    """Whether this is such a context."""
    return _refusals > 0
