"""Silence while PyTorch captures networks, and while runtimes write, load and first run them."""

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

_LOGGER = logging.getLogger("qnas.deploy")
_STDERR = 2
"""The file descriptor that libraries write to, past Python's ``sys.stderr``."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A context without what PyTorch and runtimes log, print and warn of about their own code.

    Errors are raised as ever. What libraries write to the process's standard error meanwhile is logged: ``--verbose``
    prints it, and the log of a run keeps it.
    """
    written: list[str] = []
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        printed = io.StringIO()
        with (
            _standard_error_to(written),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        for line in filter(None, "".join(written).splitlines()):
            _LOGGER.info("%s", line)


@contextlib.contextmanager
def _standard_error_to(written: list[str]) -> Iterator[None]:
    """A context in which what the process writes to standard error goes to a list."""
    sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed: nobody sees what is written there
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            file.seek(0)
            written.append(file.read().decode(errors="replace"))
