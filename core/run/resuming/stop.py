"""Stopping a run by a signal: a loop that can be kept is kept first, anything else ends at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

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

    Ctrl-C twice ends it at once. No other signal hurries one that came before: a sweep that is stopped sends its points
    SIGTERM, after the SIGINT that they may have from the terminal.

    Args:
        say: Shows what the run is about to do. It is called by a handler of signals, in the middle of anything.

    Attributes:
        signal: That by which it was asked first, or None.
        is_heeded: Whether somebody looks at ``signal`` after each step. Where nobody does, the first that asks ends the
            run at once.
    """

    def __init__(self, say: Callable[[str], object] | None = None) -> None:
        self.signal: int | None = None
        self.is_heeded = False
        self._say = say or write_line
        self._by_hand = 0

    def ask(self, number: int, _: object = None) -> None:
        """Ask the run to stop; a handler of signals.

        Raises:
            Interrupted: At once.
        """
        is_first, is_by_hand = self.signal is None, number == signal.SIGINT
        self.signal = number if self.signal is None else self.signal
        self._by_hand += is_by_hand
        if self._by_hand > 1 or (is_first and not self.is_heeded):
            raise Interrupted(number)
        if is_first or is_by_hand:
            self._say("stopping after this step" + "; once more leaves at once" * is_by_hand)

    def leave(self, kept: str = "") -> None:
        """Leave where the run has been asked to.

        Args:
            kept: What is kept of it.

        Raises:
            Interrupted: It has.
        """
        if self.signal is not None:
            raise Interrupted(self.signal, kept)


def write_line(message: str) -> None:
    """Write a line to standard error, whatever is being written to it."""
    # Printing could come in the middle of what is being printed.
    with contextlib.suppress(OSError):
        os.write(_STDERR, f"\n{message}\n".encode())


@contextlib.contextmanager
def stop_on_signals(say: Callable[[str], object] | None = None) -> Iterator[Stop]:
    """What SIGINT and SIGTERM ask to stop, those that the process does not ignore; ``say`` as for :class:`Stop`."""
    stop, before = Stop(say), {}
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.getsignal(n) for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
