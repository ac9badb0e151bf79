"""The drawing of the found network: a panel for each part, its slots in running order and the lines between."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qnas.core.drawing.curves import curve
from qnas.core.drawing.layout import Item, Port
from qnas.core.drawing.parts import Parts
from qnas.plugins.reports.anatomy import Anatomy, FoundSlot

LANE = 20
MARGIN = 15
PORT = 24
ROW = 48
COMPACT_ROW = 30
COMPACT_FROM = 80
"""From this number on, slots are drawn in compact rows."""
WIDEST_ALIGNED = 2 * MARGIN + 2 * LANE


@dataclass(frozen=True)
class Node:
    """A slot, and where in which panel it is drawn, in pixels."""

    slot: FoundSlot
    x: int
    y: float
    panel: str

    @property
    def prefix(self) -> str:
        """The start of the slot's path that its panel's name already says, unless only a number would remain."""
        prefix = f"{self.panel}."
        told = self.slot.path.startswith(prefix) and not self.slot.path.removeprefix(prefix).isdigit()
        return prefix if told else ""


@dataclass(frozen=True)
class Curve:
    """A connection, as SVG path data; a bypass leads around all slots of its panel."""

    path: str
    bypass: bool


@dataclass(frozen=True)
class Panel:
    """One part of the network.

    Attributes:
        name: The part's.
        sources: The parts that feed it.
        share: Of the network's cost, None where costs are unknown.
        nodes: Its slots.
        lines: Their connections.
        ports: (x, y) of where data comes in, and of where it goes out.
        width: Of the lanes, in pixels.
        height: Of the lanes, in pixels.
    """

    name: str
    sources: Sequence[str]
    share: float | None
    nodes: Sequence[Node]
    lines: Sequence[Curve]
    ports: Sequence[tuple[int, float]]
    width: int
    height: float


@dataclass(frozen=True)
class Drawing:
    """The whole network.

    Attributes:
        panels: Its parts, in running order.
        row: Height of a slot, in pixels.
        beside: Connections between parts that the panels don't show, as (from, to).
    """

    panels: Sequence[Panel]
    row: int
    beside: Sequence[tuple[str, str]]

    @property
    def compact(self) -> bool:
        """Whether the rows are low."""
        return self.row == COMPACT_ROW


def draw(anatomy: Anatomy) -> Drawing:
    """Lay the found network out."""
    parts = Parts(anatomy.flow)
    row = COMPACT_ROW if len(anatomy.slots) >= COMPACT_FROM else ROW
    panels = [_panel(anatomy, parts, part, row) for part in parts.members]
    # Names are aligned from panel to panel, except in panels with unusually many lanes.
    aligned = min(max((panel.width for panel in panels), default=0), WIDEST_ALIGNED)
    panels = [replace(panel, width=max(panel.width, aligned)) for panel in panels]
    return Drawing(panels, row, parts.beside())


def _panel(anatomy: Anatomy, parts: Parts, part: str, row: int) -> Panel:
    layout = parts.lay_out(part)
    heights = [_height(placed.item, row) for placed in layout.rows]
    ys = [bottom - height / 2 for bottom, height in zip(itertools.accumulate(heights), heights, strict=True)]
    xs = [MARGIN + LANE * placed.lane for placed in layout.rows]
    places = list(zip(layout.rows, xs, ys, strict=True))
    nodes = [Node(anatomy.slots[r.item], x, y, part) for r, x, y in places if isinstance(r.item, str)]
    shares = [node.slot.share for node in nodes if node.slot.share is not None]
    return Panel(
        name=part,
        sources=parts.sources(part),
        share=sum(shares) if shares else None,
        nodes=nodes,
        lines=[
            Curve(curve(line, xs, ys, MARGIN + LANE * line.lane), line.end - line.start == len(ys) - 1)
            for line in layout.lines
        ],
        ports=[(x, y) for r, x, y in places if isinstance(r.item, Port)],
        width=2 * MARGIN + LANE * (layout.lanes - 1),
        height=sum(heights),
    )


def _height(item: Item | None, row: int) -> int:
    """The height of an item's row; 0 where lines only meet, which they do between two rows."""
    if item is None:
        return 0
    return PORT if isinstance(item, Port) else row
