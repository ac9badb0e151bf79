"""The drawing of a space's network in the terminal: a line for each slot, equal parts drawn once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from qnas.core.cli.terminal.graph import draw_graph
from qnas.core.components import SlotShape
from qnas.core.drawing.folded import lay_out_folded
from qnas.core.drawing.layout import Item, Port
from qnas.core.drawing.repeats import Repeat
from qnas.core.drawing.slot_graph import SlotGraph

_HEADER = ("slot", "channels", "native", "candidates")
_GAP = "  "
_ASCII = str.maketrans("□●○⋮→│─╯╰╮╭┤├┴┬┼", "#*o:>|-'`.,||+++")


@dataclass(frozen=True)
class SlotRow:
    """What the drawing says of a slot.

    Attributes:
        shape: Its shape.
        native: Its original convolutions.
        candidates: What stands for its candidates.
        colour: Of them; empty where there is nothing to choose.
    """

    shape: SlotShape
    native: str
    candidates: str
    colour: str = ""

    @property
    def mark(self) -> str:
        """Full where there is something to choose."""
        return "●" if self.colour else "○"

    def cells(self, path: str) -> tuple[str, ...]:
        """A text for each column; ``/2`` behind the channels is a stride of 2."""
        stride = f" /{self.shape.stride}" if self.shape.stride != 1 else ""
        channels = f"{self.shape.in_channels:>3} → {self.shape.out_channels}{stride}"
        return path, channels, self.native, self.candidates


class _Shown(NamedTuple):
    """How an item is shown.

    Attributes:
        mark: Its character.
        cells: A text for each column, or a single one that goes over all of them.
        style: Of its mark, and of its last text.
    """

    mark: str
    cells: tuple[str, ...]
    style: str = ""


def print_drawing(console: Console, flow: SlotGraph, slots: Mapping[str, SlotRow]) -> None:
    """Print the network of ``slots``, from the image to the output."""
    layout = lay_out_folded(flow, {path: (row.shape, row.candidates) for path, row in slots.items()})
    shown = [None if row.item is None else _shown(row.item, slots) for row in layout.rows]
    table = [_HEADER, *(one.cells for one in shown if one and len(one.cells) > 1)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print_line(console, Text(" " * 2 * layout.lanes + _aligned(_HEADER, widths).rstrip(), "bold"))
    for drawn, one in zip(draw_graph(layout, [one.mark if one else None for one in shown]), shown, strict=True):
        print_line(console, _line(drawn, one, widths) if one else Text(drawn.rstrip(), "dim"))


def _shown(item: Item, slots: Mapping[str, SlotRow]) -> _Shown:
    match item:
        case Port():
            return _Shown("□", ("image" if item is Port.IN else "output",))
        case Repeat():
            return _Shown("⋮", (item.label,), "dim")
    row = slots[item]
    return _Shown(row.mark, row.cells(item), row.colour or "dim")


def _line(drawn: str, item: _Shown, widths: Sequence[int]) -> Text:
    before, after = drawn.split(item.mark)
    *cells, last = item.cells
    return Text.assemble(
        (before, "dim"), (item.mark, item.style), (after, "dim"), _aligned(cells, widths), (last, item.style)
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The cells, each with the gap behind it."""
    return "".join(cell.ljust(width) + _GAP for cell, width in zip(cells, widths, strict=False))


def print_line(console: Console, line: Text) -> None:
    """Print one line: a terminal cuts it where it has no room, what is read by a program is whole."""
    if console.options.ascii_only:
        line.plain = line.plain.translate(_ASCII)
    if console.is_terminal:
        console.print(line, no_wrap=True, overflow="crop" if console.options.ascii_only else "ellipsis")
    else:
        console.print(line, soft_wrap=True)
