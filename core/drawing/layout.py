"""The layout of a graph that is drawn: what stands on which row, in which lane, and in which lanes lines run.

Terminal and pages draw the same layouts: one with characters, the other with SVG.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from qnas.core.drawing.junctions import with_junctions
from qnas.core.drawing.lanes import assign
from qnas.core.drawing.repeats import Repeat
from qnas.core.drawing.slot_graph import Edge


class Port(Enum):
    """Where data comes into a drawing, and where it goes out."""

    IN = "in"
    OUT = "out"


Item = Port | str | Repeat
"""A port, the path of a slot, or parts that are drawn once for all."""


@dataclass(frozen=True)
class Row:
    """A row of the drawing: its item, None where lines only meet, and the lane that this stands in."""

    item: Item | None
    lane: int


@dataclass(frozen=True)
class Line:
    """A line from one row to a later one; between them it runs in its lane."""

    start: int
    end: int
    lane: int


@dataclass(frozen=True)
class Layout:
    """A drawing, without its size.

    Attributes:
        rows: From top to bottom.
        lines: In the order of the rows that they come from, then of those that they lead to.
    """

    rows: Sequence[Row]
    lines: Sequence[Line]

    @property
    def lanes(self) -> int:
        """How many there are."""
        return 1 + max([*(row.lane for row in self.rows), *(line.lane for line in self.lines)])


def lay_out(items: Sequence[Item], edges: Collection[Edge]) -> Layout:
    """The layout of ``items``, one below the other.

    Args:
        items: What is drawn, at least one.
        edges: (from, to), numbers of items, from always the smaller.
    """
    nodes, edges = with_junctions(len(items), edges)
    node_lanes, edge_lanes = assign(len(nodes), edges)
    return Layout(
        rows=[Row(None if n is None else items[n], lane) for n, lane in zip(nodes, node_lanes, strict=True)],
        lines=[Line(start, end, edge_lanes[start, end]) for start, end in sorted(edges)],
    )
