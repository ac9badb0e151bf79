"""The table of a comparison in the terminal: a row for each group of seeds."""

import itertools
from collections.abc import Sequence

from rich.cells import cell_len
from rich.table import Table

from qnas.core.cli.terminal.console import Terminal
from qnas.core.comparison import Comparison

_ALWAYS = 3
"""Columns that are always shown: a mark, the name and PSNR."""
_NAME = 1
_NARROWEST_NAME = 16
_GAP = 2


def print_comparison(console: Terminal, comparison: Comparison) -> None:
    """Print the table, with rows ordered by series and then by the values that vary.

    Figures that there is no room for are left out, the last ones first, and named.
    """
    _, _, _, *figures = comparison.headings
    widths = [_width(column) for column in zip(comparison.headings, *comparison.cells, strict=True)]
    widths[_NAME] = min(widths[_NAME], _NARROWEST_NAME)
    needed = list(itertools.accumulate(widths, lambda sum, width: sum + _GAP + width))[_ALWAYS:]
    shown = sum(width <= console.width for width in needed)
    console.print(_table(comparison, shown))
    if left_out := figures[shown:]:
        console.print_prose(f"for lack of room without {', '.join(left_out)}")


def _width(cells: Sequence[str]) -> int:
    return max(cell_len(line) for cell in cells for line in cell.split("\n"))


def _table(comparison: Comparison, figures: int) -> Table:
    table = Table(
        title=comparison.heading,
        box=None,
        pad_edge=False,
        header_style="bold",
        title_justify="left",
        title_style="",
    )
    mark, name, psnr, *others = comparison.headings
    table.add_column(mark, no_wrap=True)
    table.add_column(name, overflow="fold", min_width=_NARROWEST_NAME)
    for figure in (psnr, *others[:figures]):
        table.add_column(figure, justify="right", no_wrap=True)
    for cells in comparison.cells:
        table.add_row(*cells[: _ALWAYS + figures])
    return table
