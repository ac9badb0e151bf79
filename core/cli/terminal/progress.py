"""Progress of a run in the terminal: a live bar, or plain lines where the output is not a terminal."""

import contextlib
import importlib.util
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qnas.core.cli.terminal.say import above
from qnas.core.drawing.wording import duration
from qnas.core.registry import hookimpl
from qnas.core.visible import visible

_REFRESH_SECONDS = 0.2
_LINE_SECONDS = 10.0


def in_notebook() -> bool:
    """Whether what is printed goes into a notebook."""
    return Console(stderr=True).is_jupyter


def _has_bars(console: Console) -> bool:
    """Whether bars can move there; in a notebook they are made of ipywidgets."""
    return console.is_terminal or (console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None)


@contextlib.contextmanager
def show_progress() -> Iterator["LiveProgress | PlainProgress"]:
    """A listener that shows progress: as bars in a terminal or a notebook, as lines elsewhere."""
    console = Console(stderr=True)
    if not _has_bars(console):
        yield PlainProgress(console)
        return
    with _bars(console) as bars, above(console):
        yield LiveProgress(bars)


@contextlib.contextmanager
def show_count(what: str, total: int) -> Iterator[Callable[[float], None]]:
    """A function that shows how many of ``total`` are done; it takes fractions."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bars(console) as bars, above(console):
            task = bars.add_task(escape(what), total=total, metrics="")
            yield lambda done: bars.update(task, completed=done)
    else:
        plain = PlainProgress(console)
        plain.qnas_stage_began(what, 0)
        yield lambda done: plain.qnas_step(what, max(round(done, 1), 0.1), {"of": total})


@contextlib.contextmanager
def show_counts(verb: str) -> Iterator[Callable[[str, float, int], None]]:
    """A function that shows, of one thing after the other, how many are done, of how many."""
    shown: dict[str, Callable[[float], None]] = {}
    with contextlib.ExitStack() as bar:

        def report(what: str, done: float, total: int) -> None:
            if what not in shown:
                bar.close()
                shown[what] = bar.enter_context(show_count(f"{verb} {what}", total))
            shown[what](done)

        yield report


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("[bold]{task.description:<9}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[metrics]}", markup=False),
    )
    return Progress(*columns, console=console)


class _Metrics:
    """The latest value of each metric of a stage, as text."""

    def __init__(self) -> None:
        self._latest: dict[str, Any] = {}
        self._judged: Mapping[str, Any] = {}
        self.message = ""

    def update(self, metrics: Mapping[str, Any]) -> None:
        self._judged = metrics if "judged" in metrics else {}
        if not self._judged:
            self._latest.pop("warm_start", None)  # it is over with the first step
            self._latest.update(metrics)

    def conclude(self, result: Mapping[str, Any]) -> None:
        """Show the mean over a test set in place of its last image's score, and a search in place of what it judged."""
        self._judged = {}
        means = result.get("test") or {}
        for name, scores in itertools.islice(means.items(), 1):
            self._latest.update({"set": name, "psnr": scores["psnr_y"]})

    def __str__(self) -> str:
        if self.message:
            return self.message
        formats: dict[str, Callable[[Any], str]] = {
            "judged": lambda v: f"judging {visible(str(v))}",
            "baseline": lambda v: visible(str(v)),
            "set": lambda v: visible(str(v)),
            "warm_start": lambda v: f"starting from weights: {v}",
            "loss": lambda v: f"loss {float(v):.4f}",
            "losses": lambda v: f"({', '.join(f'{visible(name)} {float(part):.4f}' for name, part in v.items())})",
            "psnr": lambda v: f"PSNR {float(v):.2f} dB",
            **self._costs(),
            "entropy": lambda v: f"entropy {float(v):.3f}",
        }
        shown = self._judged or self._latest
        return "  ".join(show(shown[key]) for key, show in formats.items() if key in shown)

    def _costs(self) -> dict[str, Callable[[Any], str]]:
        """Under limits what the network that would be taken uses of them, else the first cost of the mixture."""
        if "psnr" not in self._latest:  # no network was judged, and PyTorch may not be loaded
            return {}
        from qnas.core.run.costs import stated_costs

        known = {cost.name: cost for cost in stated_costs()}
        if known.keys() & self._latest.get("chosen", {}).keys():
            return {"chosen": lambda v: "  ".join(known[name].words(v[name]) for name in v if name in known)}
        first = next(iter(known.values()))
        return {first.name: lambda v: first.words(float(v))}


class LiveProgress:
    """A bar for each stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._metrics = _Metrics()
        self._searched: float | None = None  # steps of a search whose networks are being judged
        self._shown = 0.0

    @hookimpl
    def qnas_stage_began(self, stage: str, steps: int) -> None:
        """A new bar."""
        self._metrics, self._searched = _Metrics(), None
        self._task = self._bars.add_task(stage, total=steps or None, metrics="")

    @hookimpl
    def qnas_stage_resumed(self, step: int) -> None:
        """Start the bar at that step, so that the time left is estimated from what is done now."""
        if self._task is not None:
            self._bars.reset(self._task, completed=step, total=self._bars.tasks[self._task].total)

    @hookimpl
    def qnas_step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Move the bar, a few times a second at most: reading a metric may wait for the device."""
        self._metrics.update(metrics)
        now = time.monotonic()
        if "judged" in metrics and self._task is not None and self._searched is None:
            self._searched = self._bars.tasks[self._task].total or 0
            self._bars.reset(self._task, total=metrics["of"])
        if self._task is not None and (now - self._shown > _REFRESH_SECONDS or "psnr" in metrics):
            self._shown = now
            total = {"total": metrics["of"]} if "of" in metrics else {}
            self._bars.update(self._task, completed=step, metrics=str(self._metrics), **total)

    def announce(self, message: str) -> None:
        """Show a message in place of the metrics; safe in a signal handler, as nothing is printed."""
        self._metrics.message = message
        if self._task is not None:
            self._bars.update(self._task, metrics=message)

    @hookimpl
    def qnas_stage_ended(self, result: Mapping[str, Any]) -> None:
        """Complete the bar."""
        self._metrics.conclude(result)
        if self._task is not None:
            bar = self._bars.tasks[self._task]
            total = self._searched or bar.total or bar.completed or 1
            seconds = f"  {duration(result['seconds'])}" if "seconds" in result else ""
            text = f"{self._metrics}{seconds}".strip()
            self._bars.update(self._task, completed=total, total=total, metrics=text)


class PlainProgress:
    """A line when a stage begins, at every validation, and every few seconds in between."""

    announce = None  # among lines, a message needs no place of its own

    def __init__(self, console: Console) -> None:
        self._console = console
        self._metrics = _Metrics()
        self._steps = 0
        self._before = 0  # steps that were done before it was resumed
        self._is_judging = False
        self._began = self._said = time.monotonic()

    @hookimpl
    def qnas_stage_began(self, stage: str, steps: int) -> None:
        """Print that."""
        self._metrics, self._steps, self._before, self._is_judging = _Metrics(), steps, 0, False
        self._began = self._said = time.monotonic()
        self._say(f"{stage}: began" + (f", {steps} steps" if steps else ""))

    @hookimpl
    def qnas_stage_resumed(self, stage: str, step: int) -> None:
        """Print that."""
        self._before = step
        self._say(f"{stage}: goes on after step {step}" + (f" of {self._steps}" if self._steps else ""))

    @hookimpl
    def qnas_step(self, stage: str, step: float, metrics: Mapping[str, Any]) -> None:
        """Print how far it is."""
        self._metrics.update(metrics)
        now = time.monotonic()
        if "judged" in metrics and not self._is_judging:
            self._is_judging, self._before, self._began = True, 0, now
        is_validation = bool(self._steps) and "psnr" in metrics
        if is_validation or now - self._said > _LINE_SECONDS:
            self._said = now
            total = metrics.get("of", self._steps)
            left = (now - self._began) / max(1, step - self._before) * (total - step) if total else 0
            eta = f"  ETA {duration(left)}" if left > 0 else ""
            self._say(f"{stage} {step}{f'/{total}' if total else ''}  {self._metrics}{eta}")

    @hookimpl
    def qnas_stage_ended(self, stage: str, result: Mapping[str, Any]) -> None:
        """Print that."""
        seconds = f" in {duration(result['seconds'])}" if "seconds" in result else ""
        self._say(f"{stage}: done{seconds}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
