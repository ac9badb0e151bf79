"""Curves: the lines of a layout as SVG path data."""

from collections.abc import Sequence

from qnas.core.drawing.layout import Line


def curve(line: Line, xs: Sequence[int], ys: Sequence[float], lane: int) -> str:
    """The path from a row into the line's lane, down the lane, and into the other row.

    Args:
        line: Of the layout.
        xs: Of each row.
        ys: Of each row.
        lane: x of the line's lane.

    >>> curve(Line(0, 2, 1), [10, 10, 10], [0, 20, 40], 30)
    'M10 0C10 10 30 10 30 20V20C30 30 10 30 10 40'
    """
    start, end = line.start, line.end
    path = f"M{xs[start]} {ys[start]:g}"
    if end - start == 1:
        return path + _bend(xs[start], ys[start], xs[end], ys[end])
    path += _bend(xs[start], ys[start], lane, ys[start + 1])
    return path + f"V{ys[end - 1]:g}" + _bend(lane, ys[end - 1], xs[end], ys[end])


def _bend(x: int, y: float, to_x: int, to_y: float) -> str:
    middle = (y + to_y) / 2
    return f"V{to_y:g}" if x == to_x else f"C{x} {middle:g} {to_x} {middle:g} {to_x} {to_y:g}"
