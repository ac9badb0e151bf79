"""The state of a sweep's points: a live table in a terminal, plain lines elsewhere."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from qnas.core.cli.terminal.console import Terminal
from qnas.core.drawing.wording import duration
from qnas.core.run.costs import StatedCost, stated_costs
from qnas.core.sweep.status import Status, seconds_left
from qnas.core.visible import visible

_LINE_SECONDS = 60.0
_AROUND = 4
"""Lines of the terminal that are not rows of the live table."""
_COLOURS = {"running": "cyan", "done": "green", "failed": "red", "waiting": "dim"}
_URGENCY = ("running", "failed", "waiting", "done")


@contextlib.contextmanager
def show_statuses(statuses: Sequence[Status]) -> Iterator[Callable[[], None]]:
    """A function that shows the current ``statuses``."""
    console = Terminal(stderr=True)
    began = time.monotonic()
    if not console.is_terminal:
        yield PlainStatuses(statuses, console).tell
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def tell() -> None:
            rows = fitting(statuses, max(1, console.height - _AROUND))
            live.update(Group(_headline(statuses, time.monotonic() - began), table(rows)), refresh=True)

        yield tell


def table(statuses: Sequence[Status]) -> Table:
    """A row for each point."""
    result = next((status.result for status in statuses if status.result), {})
    cost = first_cost()
    test, size = (next(iter(of), "") for of in (result.get("test", {}), cost.figures(result)))
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("point", overflow="fold")
    made.add_column("state", min_width=15, no_wrap=True)
    for heading in (f"PSNR {test}", f"{cost.title} {size}", "time"):
        made.add_column(heading.strip(), justify="right", no_wrap=True)
    for status in statuses:
        seconds = duration(status.seconds) if status.seconds else ""
        state = Text(visible(_state(status)), _COLOURS[status.state])
        made.add_row(status.point.folder, state, *figures(status), seconds)
    return made


def figures(status: Status) -> tuple[str, str]:
    """PSNR on Y of the first test set and the first of the costs, on a small image; nothing until they are known."""
    if not status.result:
        return "", ""
    psnr = next(iter(status.result["test"].values()))["psnr_y"]
    cost = first_cost()
    return f"{psnr:.2f} dB", cost.words(next(iter(cost.figures(status.result).values())))


def first_cost() -> StatedCost:
    """What is shown where there is place for one."""
    return stated_costs()[0]


def fitting(statuses: Sequence[Status], rows: int) -> list[Status]:
    """The most interesting statuses, in their order: running, failed, next."""
    by_urgency = sorted(range(len(statuses)), key=lambda index: (_URGENCY.index(statuses[index].state), index))
    return [statuses[index] for index in sorted(by_urgency[:rows])]


def _state(status: Status) -> str:
    progress = status.progress
    if status.state != "running":
        return "queued" if status.state == "waiting" and status.is_submitted else status.state
    step = f" {progress.step}" + (f"/{progress.steps}" if progress.steps else "") if progress.step else ""
    return f"{progress.stage}{step}" if progress.stage else "starting"


def summary(statuses: Sequence[Status]) -> str:
    """How many points are in each state."""
    counts = Counter(status.state for status in statuses)
    return ", ".join(f"{counts[state]} {state}" for state in ("done", "running", "waiting", "failed") if counts[state])


def _headline(statuses: Sequence[Status], elapsed: float) -> Text:
    return Text(f"{summary(statuses)}; {duration(elapsed)}{_eta(statuses, elapsed)}\n")


def _eta(statuses: Sequence[Status], elapsed: float) -> str:
    left = seconds_left(statuses, elapsed)
    return f", ETA {duration(left)}" if left else ""


class PlainStatuses:
    """A line when a point begins or ends, and every so often for those that run.

    Args:
        statuses: How the points stand.
        console: Where to print to.
    """

    def __init__(self, statuses: Sequence[Status], console: Console) -> None:
        self._statuses = statuses
        self._console = console
        self._told = [status.state for status in statuses]
        self._began = self._said = time.monotonic()

    def tell(self) -> None:
        """Print what has changed."""
        is_time = time.monotonic() - self._said > _LINE_SECONDS
        for index, status in enumerate(self._statuses):
            if status.state != self._told[index] or (is_time and status.state == "running"):
                self._told[index] = status.state
                self._say(f"{status.point.folder}: {self._news(status)}")
        if is_time:
            self._said = time.monotonic()

    def _news(self, status: Status) -> str:
        if status.state == "running":
            return _state(status)
        ended = sum(other.state in {"done", "failed"} for other in self._statuses)
        eta = _eta(self._statuses, time.monotonic() - self._began)
        what = status.reason if status.state == "failed" else "  ".join(figures(status))
        return f"{status.state}  {what}  {duration(status.seconds)}  ({ended}/{len(self._statuses)}{eta})"

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
