"""Standard output and standard error that cost no work: whatever becomes of them, the command goes on."""

import errno
import io
import os
import sys
from typing import Any, TextIO

from qnas.core.visible import visible

FAILED = 1
_GONE = {errno.EPIPE, errno.ESHUTDOWN}  # nobody reads any more, as behind `| head`: no failure of ours


class _Lasting(io.FileIO):
    """A file descriptor whose first failure is noted, and that drops what is written from then on."""

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
    """Replace ``sys.stdout`` and ``sys.stderr`` by streams that never raise; returns what is below them.

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
    """Write what is left, and return the exit code: a failure of the output is one of a command that went well.

    A reader that went away is none.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    failures = [raw.failure for raw in below if raw.failure is not None and raw.failure.errno not in _GONE]
    for failure in failures:
        sys.stderr.write(visible(f"what was printed could not all be written: {failure.strerror}\n"))
        sys.stderr.flush()
    return code or (FAILED if failures else 0)
