"""How much goes to standard error: warnings of other packages, and logs, only with ``--verbose``."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from qnas.core.cli.terminal.say import say
from qnas.core.errors import QnasWarning

_LOGGER = logging.getLogger("qnas")
_SHOWN_ALREADY = {"qnas.stages", "qnas.warnings"}  # as progress, and as warnings
_is_verbose = False


@contextlib.contextmanager
def verbose() -> Iterator[None]:
    """A context in which everything is printed, logs included."""
    global _is_verbose  # noqa: PLW0603
    handler, root = _PrintingHandler(), logging.getLogger()
    level = _LOGGER.level
    root.addHandler(handler)
    _is_verbose = True
    _LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        _is_verbose = False
        _LOGGER.setLevel(level)
        root.removeHandler(handler)


def print_warnings() -> None:
    """Print each warning in one line, and leave what libraries log to a run's log and to ``--verbose``."""
    warnings.showwarning = _show
    logging.getLogger().addHandler(logging.NullHandler())  # without any, Python writes it to standard error


def _show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    if issubclass(category, QnasWarning):
        say(f"warning: {message}")
    elif _is_verbose:
        say(f"warning: {message} ({category.__name__}, {filename}:{lineno})")


class _PrintingHandler(logging.Handler):
    """Prints what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless it is shown in another way already."""
        if record.name not in _SHOWN_ALREADY:
            say(f"{record.levelname.lower()}: {self.format(record)}")
