"""One chart, drawn by matplotlib as SVG that stands inline in the page and takes its colours and its font."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from qnas.plugins.reports.wording import decimal, is_finite, significant

# matplotlib needs colours to draw with; these stand for the page's CSS variables and are replaced by them.
_COLOURS = {"ink": "#0a0001", "muted": "#0a0002", "line": "#0a0003", "ours": "#0a0004", "other": "#0a0005"}
_SIZE_INCHES = (4.4, 2.7)
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.edgecolor": _COLOURS["line"],
    "xtick.color": _COLOURS["muted"],
    "ytick.color": _COLOURS["muted"],
    "text.color": _COLOURS["ink"],
    "text.parse_math": False,
}
_TIDY = (
    (r"\s+xmlns(:xlink)?=\"[^\"]*\"", ""),
    (r"(<svg[^>]*?) width=\"[^\"]*\" height=\"[^\"]*\"", r"\1"),
    (r"<style.*?</style>", ""),
    (r"<g id=\"[^\"]*\"", "<g"),
    (r"xlink:href", "href"),
    (r"font-family: [^;\"]*", "font-family: inherit"),
    (r" transform=\"rotate\(-0[^\"]*\"", ""),
    (r"\n\s*", " "),
)


@dataclass(frozen=True)
class Line:
    """A curve; points that are no finite numbers are left out.

    Attributes:
        name: For the legend, which the page writes.
        steps: x.
        values: y.
        colour: ``ours`` or ``other``.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    colour: str = "ours"

    def points(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        pairs = zip(self.steps, self.values, strict=True)
        return [(step, value) for step, value in pairs if is_finite(step) and is_finite(value)]


@dataclass(frozen=True)
class Chart:
    """Curves over steps.

    Attributes:
        title: What is shown, with its unit.
        lines: The curves.
        marked_step: Where the best was found, None if nowhere.
        joined: Whether the points are joined by lines: samples are not.
    """

    title: str
    lines: Sequence[Line] = field(default_factory=list)
    marked_step: float | None = None
    joined: bool = True

    @property
    def summary(self) -> str:
        """What somebody should know who can't see it."""
        ends = [
            f"{line.name} from {significant(points[0][1], 4)} to {significant(points[-1][1], 4)}"
            for line in self.lines
            if (points := line.points())
        ]
        return f"{self.title} over steps: {'; '.join(ends)}"

    def svg(self) -> str:
        """The chart, safe to stand in a page: numbers and our own words. The same curves always give the same text."""
        # Made from the chart itself: two charts on one page must not share an id, and one must not change its own.
        settings = {**_SETTINGS, "svg.hashsalt": f"qnas {self!r}"}
        stream = io.StringIO()
        # From the defaults, so that a reader's own matplotlibrc changes nothing.
        with style.context(["default", settings]):
            figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
            self._draw(figure.add_subplot())
            metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
        return _inline(stream.getvalue())

    def _draw(self, axes: Axes) -> None:
        _style(axes)
        for line in self.lines:
            points = line.points()
            axes.plot(
                [step for step, _ in points],
                [value for _, value in points],
                color=_COLOURS[line.colour],
                linewidth=1.8,
                clip_on=False,
                marker="o",
                markersize=3.5,
                linestyle="-" if self.joined else "none",
            )
        if self.marked_step is not None:
            axes.axvline(self.marked_step, color=_COLOURS["muted"], linewidth=1, linestyle=(0, (2, 3)))


def _style(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=_COLOURS["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_xlabel("step", color=_COLOURS["muted"])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, 0)))


def _inline(svg: str) -> str:
    """The bare element, without what only a file needs and what names a place in the web."""
    text = svg[svg.index("<svg") :]
    for pattern, replacement in _TIDY:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    for name, colour in _COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text.replace("<svg", '<svg aria-hidden="true"', 1)
