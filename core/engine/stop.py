"""Stopping a run by a signal: a loop that can be kept is kept first, anything else ends at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDERR = 2


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop, and does.

    Args:
        number: The signal.
        what: What was kept.

    Attributes:
        exit_code: That of a process which a signal ends.
    """

    def __init__(self, number: int, what: str = "") -> None:
        super().__init__(what)
        self.exit_code = 128 + number


class Stop:
    """Whether the run has been asked to stop.

    Attributes:
        signal: That by which it was asked, or None.
        is_heeded: Whether somebody looks at ``signal`` after each step. Where nobody does, one that asks ends the run
            at once, as one that asks twice does.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_heeded = False

    def ask(self, number: int, _: object = None) -> None:
        """Ask the run to stop; a handler of signals.

        Raises:
            Interrupted: At once.
        """
        if self.signal is not None or not self.is_heeded:
            raise Interrupted(number)
        self.signal = number
        # Printing could come in the middle of what is being printed.
        with contextlib.suppress(OSError):
            os.write(_STDERR, b"\nstopping after this step; once more leaves at once\n")


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """What SIGINT and SIGTERM ask to stop, those that the process was not told to ignore."""
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.getsignal(n) for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
