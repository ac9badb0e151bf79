"""Figures drawn by matplotlib: inline in a page, with its colours and font, or as separate files."""

import io
import re
from collections.abc import Callable, Mapping
from typing import cast

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qnas.core.drawing.wording import significant

Colours = Mapping[str, str]
Draw = Callable[[Axes, Colours], None]
Size = tuple[float, float]

INLINE = {"ink": "#0a0001", "muted": "#0a0002", "line": "#0a0003", "ours": "#0a0004", "other": "#0a0005"}
"""The colours that matplotlib draws with, which the CSS variables of these names then replace."""
_FEW_TICKS = 3
_TIDY = (
    (r"\s+xmlns(:xlink)?=\"[^\"]*\"", ""),
    (r"(<svg[^>]*?) width=\"[^\"]*\" height=\"[^\"]*\"", r"\1"),
    (r"<g id=\"[^\"]*\"", "<g"),
    (r"xlink:href", "href"),
    (r"font-family: [^;\"]*", "font-family: inherit"),
    (r" transform=\"rotate\(-0[^\"]*\"", ""),
)


def inline_svg(draw: Draw, size: Size, of: object, colours: Colours = INLINE) -> str:
    """A figure as SVG that is safe in a page. The same figure always gives the same text.

    Args:
        draw: Draws it.
        size: Width and height in inches, which decide the relative size of its text.
        of: What is drawn. It makes ids that are unique on the page, and the same each time.
        colours: CSS variable to what it is drawn with, see ``INLINE``.
    """
    svg = _drawn(draw, size, "svg", colours, {"svg.fonttype": "none", "svg.hashsalt": f"qnas {of!r}"}).decode()
    return _inline(svg, colours)


def figure_file(draw: Draw, size: Size, kind: str, colours: Colours) -> bytes:
    """A figure as a file on white; its text needs no installed font.

    Args:
        draw: Draws it.
        size: Width and height in inches.
        kind: ``svg`` or ``png``.
        colours: Name to colour.
    """
    return _drawn(draw, size, kind, colours, {"svg.hashsalt": "qnas", "savefig.facecolor": "white"})


def quiet(axes: Axes, colours: Colours) -> None:
    """Reduce the axes to what the eye needs: lines to read y from, no frame."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=colours["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", useOffset=False)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two: 1, 2 and 5 times powers of ten, or more if these are too few."""
    exponents = range(-3, 30)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) >= _FEW_TICKS:
        return inside
    return [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]


def tick_label(value: float) -> str:
    """The label of a tick, with at most four digits."""
    return f"{value:.4g}" if abs(value) < 1e4 else significant(value)


def figure_of(axes: Axes) -> Figure:
    """The figure that the axes are in."""
    return cast("Figure", axes.figure)  # never a subfigure here


def _drawn(draw: Draw, size: Size, kind: str, colours: Colours, settings: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    base = {
        "font.size": 9.5,
        "axes.edgecolor": colours["line"],
        "xtick.color": colours["muted"],
        "ytick.color": colours["muted"],
        "text.color": colours["ink"],
        "text.parse_math": False,
        "savefig.transparent": "savefig.facecolor" not in settings,
    }
    # Start from the defaults, so that a user's matplotlibrc changes nothing.
    with style.context(["default", {**base, **settings}]):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot(), colours)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type") if kind == "svg" else ("Software",))
        figure.savefig(stream, format=kind, dpi=200, metadata=nothing)
    return stream.getvalue()


def _inline(svg: str, colours: Colours) -> str:
    """The bare element, without what only a file needs and without addresses on the web."""
    text = re.sub(r"<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", lambda tag: _tidied(tag[0], colours), text)
    return re.sub(r"\n\s*", " ", text).replace("<svg", '<svg aria-hidden="true"', 1)


def _tidied(tag: str, colours: Colours) -> str:
    """A tag as the page needs it. The text between tags comes from users, so nothing in it may be replaced."""
    for pattern, replacement in _TIDY:
        tag = re.sub(pattern, replacement, tag, flags=re.DOTALL)
    for name, colour in colours.items():
        tag = tag.replace(colour, f"var(--{name})")
    return tag
