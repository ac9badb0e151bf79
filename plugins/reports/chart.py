"""One chart: curves over steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from qnas.core.drawing.wording import decimal, is_finite, significant
from qnas.plugins.reports.figure import Colours, inline_svg, quiet

_SIZE_INCHES = (4.4, 2.7)


@dataclass(frozen=True)
class Line:
    """A curve; points that are not finite are left out.

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
        marked_step: The step to mark, where the best was found; None if there is none.
        joined: Whether lines join the points; samples of a random search are not joined.
    """

    title: str
    lines: Sequence[Line] = field(default_factory=list)
    marked_step: float | None = None
    joined: bool = True

    @property
    def summary(self) -> str:
        """The text alternative, for readers who can't see the chart."""
        ends = [
            f"{line.name} from {significant(points[0][1], 4)} to {significant(points[-1][1], 4)}"
            for line in self.lines
            if (points := line.points())
        ]
        return f"{self.title} over steps: {'; '.join(ends)}"

    def svg(self) -> str:
        """The chart as SVG, safe in a page: it has only numbers and words of ours."""
        return inline_svg(self._draw, _SIZE_INCHES, self)

    def _draw(self, axes: Axes, colours: Colours) -> None:
        quiet(axes, colours)
        _count_steps(axes, colours)
        for line in self.lines:
            points = line.points()
            axes.plot(
                [step for step, _ in points],
                [value for _, value in points],
                color=colours[line.colour],
                linewidth=1.8,
                clip_on=False,
                marker="o",
                markersize=3.5,
                linestyle="-" if self.joined else "none",
            )
        if self.marked_step is not None:
            axes.axvline(self.marked_step, color=colours["muted"], linewidth=1, linestyle=(0, (2, 3)))


def _count_steps(axes: Axes, colours: Colours) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("step", color=colours["muted"])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, 0)))
