"""Trackers that follow a run, by their names."""

import contextlib
import difflib
import warnings
from collections.abc import Iterator, Sequence

from qnas.core.errors import InputError, QnasWarning, first_line
from qnas.core.registry import Tracker, listening, plugins


@contextlib.contextmanager
def tracking(names: Sequence[str]) -> Iterator[None]:
    """A context in which the trackers of these names follow runs.

    Raises:
        InputError: There is no such tracker, or it can't be used.
    """
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(names):
            tracker = _made(name)
            stack.callback(_close, name, tracker)
            stack.enter_context(listening(tracker))
        yield


def _made(name: str) -> Tracker:
    known = [entry.name for entry in plugins().trackers]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"no tracker is named '{name}'{hint} (trackers: {', '.join(known)})", "--tracker")
    return plugins().trackers.load(name)()


def _close(name: str, tracker: Tracker) -> None:
    try:
        tracker.close()
    except Exception as error:  # a third-party tracker may raise anything, and the run is done
        warnings.warn(f"the tracker '{name}' failed at its end: {first_line(error)}", QnasWarning, stacklevel=2)
