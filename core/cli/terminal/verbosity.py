"""How much is told on standard error: what other packages warn of, and tracebacks, only to those who ask for them."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from qnas.core.cli.terminal.say import say
from qnas.core.errors import QnasWarning

_TOLD_OTHERWISE = {"qnas.stages", "qnas.warnings"}  # as progress, and as warnings are
_is_verbose = False


@contextlib.contextmanager
def verbose() -> Iterator[None]:
    """A context in which everything is told: what is logged too."""
    global _is_verbose  # noqa: PLW0603
    handler, root = _Telling(), logging.getLogger()
    root.addHandler(handler)
    _is_verbose = True
    try:
        yield
    finally:
        _is_verbose = False
        root.removeHandler(handler)


def tell_of_warnings() -> None:
    """Tell of warnings in a line each, and leave what libraries log to a run's log and to ``--verbose``."""
    warnings.showwarning = _show
    logging.getLogger().addHandler(logging.NullHandler())  # without any, Python writes it to standard error


def _show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    if issubclass(category, QnasWarning):
        say(f"warning: {message}")
    elif _is_verbose:
        say(f"warning: {message} ({category.__name__}, {filename}:{lineno})")


class _Telling(logging.Handler):
    """Tells what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record, but for what a run's log alone hears of this way."""
        if record.name not in _TOLD_OTHERWISE:
            say(f"{record.levelname.lower()}: {self.format(record)}")
