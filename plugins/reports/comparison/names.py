"""Writes names beside the points of a plot, if there is room."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from qnas.core.comparison import Group
from qnas.plugins.reports.figure import Colours, figure_of

_MARKER = 5.0
"""Half the width that a marker takes, in points."""
_LINE = 1.5
"""Half the width that a line takes, in points."""
_STEP = 2.0
"""The distance at which lines are sampled, in points."""
_PLACES = (
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (-5, 5, "right", "bottom"),
    (5, -5, "left", "top"),
    (8, 0, "left", "center"),
    (-8, 0, "right", "center"),
    (5, 5, "left", "bottom"),
    (-5, -5, "right", "top"),
)
"""Where a name may be: its offset from the marker in points, and which of its sides faces the marker."""
_FARTHER = (
    *((right, up, side, "center") for right, side in ((16, "left"), (-16, "right")) for up in (14, -14, 28, -28)),
    *((right, up, side, "center") for up in (20, -20) for right, side in ((-6, "left"), (6, "right"))),
    *((right, up, side, "center") for right, side in ((36, "left"), (-36, "right")) for up in (8, -8)),
)
"""Where else it may be, with a thin line that leads to it."""
_LONGEST = 24


def name_points(axes: Axes, series: Iterable[Sequence[Group]], colours: Colours) -> None:
    """Write beside each point what distinguishes it within its series; a name that would cover something is left out.

    Those on the front come first.

    Args:
        axes: The axes, with everything else drawn already.
        series: Groups that a line joins.
        colours: Of the plot.
    """
    lines = [list(groups) for groups in series]
    figure_of(axes).draw_without_rendering()  # lays everything out: until then, nothing has a position
    taken = [box for groups in lines for box in _covered(axes, groups)]
    for group in sorted((group for groups in lines for group in groups), key=lambda group: not group.on_front):
        if group.names.values:
            taken.extend(_write(axes, group, _shortened(group.names.values), taken, colours))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _covered(axes: Axes, groups: Sequence[Group]) -> Iterator[Bbox]:
    """The boxes that a series covers: markers, their bars, and the line that joins them."""
    pixels = axes.figure.dpi / 72
    places = axes.transData.transform([group.position for group in groups])
    yield from (_box(place, _MARKER * pixels) for place in places)
    bars = [axes.transData.transform(bar) for group in groups for bar in _bars(group)]
    lines = [np.stack(pair) for pair in pairwise(places)]
    for start, end in [*lines, *bars]:
        steps = max(1, round(float(np.hypot(*(end - start))) / (_STEP * pixels)))
        yield from (_box(start + (end - start) * step / steps, _LINE * pixels) for step in range(steps + 1))


def _bars(group: Group) -> Iterator[list[tuple[float, float]]]:
    (x, y), across, along = group.position, group.psnr.spread, group.cost.spread
    if across:
        yield [(x, y - across), (x, y + across)]
    if along:
        yield [(x, y), (x + along, y)]


def _box(place: NDArray[np.float64], half: float) -> Bbox:
    return Bbox([place - half, place + half])


def _write(axes: Axes, group: Group, text: str, taken: Sequence[Bbox], colours: Colours) -> Iterator[Bbox]:
    """The box of the name if there is room for it."""
    leader = {"arrowstyle": "-", "linewidth": 0.6, "color": colours["muted"], "shrinkA": 1, "shrinkB": _MARKER}
    for place in (*_PLACES, *_FARTHER):
        right, up, horizontal, vertical = place
        name = axes.annotate(
            text,
            group.position,
            (right, up),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            fontsize=7.5,
            color=colours["muted"],
            zorder=5,
            arrowprops=leader if place in _FARTHER else None,
        )
        name.get_window_extent()  # puts it in its place
        box = Text.get_window_extent(name)  # without the leader
        if not any(box.overlaps(other) for other in taken) and _is_inside(axes.bbox, box):
            yield box
            return
        name.remove()


def _is_inside(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)
