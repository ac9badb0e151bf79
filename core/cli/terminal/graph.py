"""A graph as text: its items one below the other, and lanes for the lines between, as in ``git log --graph``."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from qnas.core.drawing.layout import Layout

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


def draw_graph(layout: Layout, marks: Sequence[str | None]) -> list[str]:
    """A text for each row, two characters a lane, with its mark where an item stands; None is where lines only meet."""
    return [_Row.at(layout, number).draw(layout.lanes, mark) for number, mark in enumerate(marks)]


class _Row(NamedTuple):
    """The lanes of one row: the node's own, those that end and begin at it, and those that pass by."""

    own: int
    up: set[int]
    down: set[int]
    passing: set[int]

    @classmethod
    def at(cls, layout: Layout, number: int) -> Self:
        """Of the row with that number."""
        return cls(
            own=layout.rows[number].lane,
            up={line.lane for line in layout.lines if line.end == number},
            down={line.lane for line in layout.lines if line.start == number},
            passing={line.lane for line in layout.lines if line.start < number < line.end},
        )

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
