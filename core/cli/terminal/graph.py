"""A graph as text: its nodes one below the other, and lanes for the lines between, as in ``git log --graph``."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from qnas.core.drawing.lanes import assign
from qnas.core.drawing.slot_graph import Edge

_BENDS = {
    frozenset("ud"): "│",
    frozenset("lr"): "─",
    frozenset("ul"): "╯",
    frozenset("ur"): "╰",
    frozenset("dl"): "╮",
    frozenset("dr"): "╭",
    frozenset("udl"): "┤",
    frozenset("udr"): "├",
    frozenset("ulr"): "┴",
    frozenset("dlr"): "┬",
    frozenset("udlr"): "┼",
}
"""Up, down, left, right: where lines lead from a place to its character."""


class GraphLine(NamedTuple):
    """A line of the drawing: two characters a lane, and the node that stands on it, None where lines only meet."""

    text: str
    node: int | None


def draw_graph(marks: Sequence[str], edges: Collection[Edge]) -> list[GraphLine]:
    """The drawing, all its lines equally long.

    Args:
        marks: The character of each node.
        edges: (from, to), from always the smaller.
    """
    nodes, edges = _with_junctions(len(marks), edges)
    node_lanes, edge_lanes = assign(len(nodes), edges)
    width = max([*node_lanes, *edge_lanes.values()]) + 1
    lines = []
    for row, node in enumerate(nodes):
        ends = _Row(
            own=node_lanes[row],
            up={lane for (_, end), lane in edge_lanes.items() if end == row},
            down={lane for (start, _), lane in edge_lanes.items() if start == row},
            passing={lane for (start, end), lane in edge_lanes.items() if start < row < end},
        )
        lines.append(GraphLine(ends.draw(width, None if node is None else marks[node]), node))
    return lines


def _with_junctions(count: int, edges: Collection[Edge]) -> tuple[list[int | None], set[Edge]]:
    """The rows, and the edges between them: where several nodes all feed the same several, the lines meet between."""
    sources: dict[int, set[int]] = {node: set() for node in range(count)}
    for start, end in edges:
        sources[end].add(start)
    readers: dict[frozenset[int], list[int]] = {}
    for node, feeding in sources.items():
        readers.setdefault(frozenset(feeding), []).append(node)
    rows: list[int | None] = []
    row_of: dict[int, int] = {}
    junctions: dict[frozenset[int], int] = {}
    joined: set[Edge] = set()
    for node, feeding in sources.items():
        key = frozenset(feeding)
        if len(key) > 1 and len(readers[key]) > 1 and key not in junctions:
            junctions[key] = len(rows)
            joined |= {(row_of[source], len(rows)) for source in key}
            rows.append(None)
        row_of[node] = len(rows)
        before = [junctions[key]] if key in junctions else [row_of[source] for source in key]
        joined |= {(start, len(rows)) for start in before}
        rows.append(node)
    return rows, joined


class _Row(NamedTuple):
    """The lanes of one row: the node's own, those that end and begin at it, and those that pass by."""

    own: int
    up: set[int]
    down: set[int]
    passing: set[int]

    def draw(self, width: int, mark: str | None) -> str:
        touched = {self.own, *self.up, *self.down}
        low, high = min(touched), max(touched)
        text = ""
        for lane in range(width):
            text += mark if mark and lane == self.own else self._place(lane, low, high)
            text += "─" if low <= lane < high else " "
        return text

    def _place(self, lane: int, low: int, high: int) -> str:
        if lane in self.passing:
            return "│"  # a line that is crossed is seen to go on, and not to meet the other
        leads = {"u": lane in self.up, "d": lane in self.down, "l": low < lane <= high, "r": low <= lane < high}
        return _BENDS.get(frozenset(way for way, there in leads.items() if there), " ")
