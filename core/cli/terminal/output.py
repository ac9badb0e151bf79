"""Standard output and standard error that can fail without stopping the command."""

import errno
import io
import os
import sys
from typing import Any, TextIO

from qnas.core.visible import visible

FAILED = 1
_GONE = {errno.EPIPE, errno.ESHUTDOWN}  # the reader went away, as with `| head`: not a failure


class _Lasting(io.FileIO):
    """A file descriptor that notes its first failure, and drops what is written afterwards."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        """See :meth:`io.RawIOBase.write`."""
        if self.failure is None:
            try:
                return super().write(content) or 0
            except OSError as error:
                self.failure = error
        return len(content)


def make_lasting() -> list[_Lasting]:
    """Replace ``sys.stdout`` and ``sys.stderr`` by streams that never raise, and return what they write to.

    Characters that the encoding lacks are written as escapes. A closed stream writes nowhere.
    """
    below = []
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="replace"))  # noqa: PTH123, SIM115
        elif sys.platform == "win32" and stream.isatty():  # written in UTF-16 by Python itself
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
        else:
            below.append(_replace(name, stream))
    return below


def _replace(name: str, stream: TextIO) -> _Lasting:
    stream.flush()
    raw = _Lasting(stream.fileno())
    lasting = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=name == "stderr" or stream.isatty(),
    )
    setattr(sys, name, lasting)
    return raw


def settle(below: list[_Lasting], code: int) -> int:
    """Flush, and return the exit code: a command that succeeded fails if its output could not be written.

    A reader that went away does not count.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    failures = [raw.failure for raw in below if raw.failure is not None and raw.failure.errno not in _GONE]
    for failure in failures:
        sys.stderr.write(visible(f"some output could not be written: {failure.strerror}\n"))
        sys.stderr.flush()
    return code or (FAILED if failures else 0)
