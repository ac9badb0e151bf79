"""The drawing of a space's network in the terminal: a line for each slot, equal parts drawn once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from qnas.core.cli.terminal.graph import draw_graph
from qnas.core.components import SlotShape
from qnas.core.drawing.repeats import Repeat, find_repeats
from qnas.core.drawing.slot_graph import Edge, SlotGraph

LEAST_REPEATED = 4
"""Parts that repeat others are left out where that saves so many slots at least."""
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


@dataclass(frozen=True)
class _Item:
    """A node of the drawing.

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
    items, edges = _items(flow, slots)
    rows = [_HEADER, *(item.cells for item in items if len(item.cells) > 1)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    graph = draw_graph([item.mark for item in items], edges)
    print_line(console, Text(" " * len(graph[0].text) + _aligned(_HEADER, widths).rstrip(), "bold"))
    for drawn, node in graph:
        print_line(console, Text(drawn.rstrip(), "dim") if node is None else _line(drawn, items[node], widths))


def _items(flow: SlotGraph, slots: Mapping[str, SlotRow]) -> tuple[list[_Item], set[Edge]]:
    """What is drawn, in running order, and the lines between."""
    kinds = {path: (row.shape, row.candidates) for path, row in slots.items()}
    repeats = find_repeats(flow, kinds, LEAST_REPEATED)
    repeat_at = {node: repeat for repeat in repeats for node in repeat.nodes}
    items, place = [_Item("□", ("image",))], [0]
    for node, path in enumerate(flow.slots, 1):
        repeat = repeat_at.get(node)
        if repeat is None:
            row = slots[path]
            items.append(_Item(row.mark, row.cells(path), row.colour or "dim"))
        elif node == repeat.nodes.start:
            items.append(_Item("⋮", (_told(repeat),), "dim"))
        place.append(len(items) - 1)
    items.append(_Item("□", ("output",)))
    place.append(len(items) - 1)
    return items, {(place[a], place[b]) for a, b in flow.essential() if place[a] != place[b]}


def _told(repeat: Repeat) -> str:
    first, *others = repeat.parts
    between = " to " if len(others) > 1 else " and "
    parts = f"{first}{between}{others[-1]} are" if others else f"{first} is"
    return f"{parts} the same as {repeat.like} ({len(repeat.nodes)} slots)"


def _line(drawn: str, item: _Item, widths: Sequence[int]) -> Text:
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
