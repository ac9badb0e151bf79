"""What was timed, as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from qnas.core.drawing.wording import milliseconds, plural, quantity, times_as_fast

_COLUMNS = {"median": 8, "spread": 8, "frames/s": 8, "speed": 6, "memory": 8, "file": 8}
"""Each with its least width: so the figures of one measurement stand below those of another."""


def print_bench(console: Console, measured: Mapping[str, Any]) -> None:
    """Print what was timed side by side, a row for each network. Speed is how many times as fast as in float."""
    console.print(_heading(measured), style="bold", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", min_width=7)
    for name, width in _COLUMNS.items():
        table.add_column(name, justify="right", min_width=width, no_wrap=True)
    floating = measured["networks"]["float"]["median_seconds"]
    for name, figures in measured["networks"].items():
        table.add_row(name, *_figures(figures, floating))
    console.print(table)


def _heading(measured: Mapping[str, Any]) -> str:
    target, size = measured["target"], "x".join(map(str, measured["size"]))
    name = target if isinstance(target, str) else target["name"]
    verified = "verified" if measured["is_verified"] else "not verified"
    return f"{measured['run']}: {name}, {size} LR, {plural(measured['threads'], 'thread')}, {verified}"


def _figures(figures: Mapping[str, Any], floating: float) -> Iterator[str]:
    memory, size = figures.get("peak_memory_bytes"), figures.get("file_bytes")
    yield milliseconds(figures["median_seconds"])
    yield milliseconds(figures["spread_seconds"])
    yield quantity(figures["frames_per_second"])
    yield times_as_fast(floating / figures["median_seconds"])
    yield "-" if memory is None else quantity(memory, "B")
    yield "-" if size is None else quantity(size, "B")
