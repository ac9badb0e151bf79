"""The plot of a comparison: PSNR over cost, a line for each series, and the Pareto front."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from qnas.core.comparison import Comparison, Group
from qnas.core.drawing.wording import baseline, decimal, with_prefix
from qnas.core.visible import visible
from qnas.plugins.reports.comparison.look import Look, looks
from qnas.plugins.reports.comparison.names import name_points
from qnas.plugins.reports.figure import (
    INLINE,
    Colours,
    Size,
    figure_file,
    figure_of,
    inline_svg,
    log_ticks,
    quiet,
    tick_label,
)

WIDE: Size = (8.6, 5.0)
NARROW: Size = (4.3, 4.6)
"""The size for phones, on which the text of a wide plot would be too small to read."""
_ON_WHITE = {"ink": "#1c2027", "muted": "#5d6571", "line": "#e2dfd8", "card": "#ffffff", "front": "#dcd6ca"}
_FINE_DB = 0.06
"""The extent of y below which two digits don't tell neighbouring ticks apart."""
_REACH = 0.6
"""How far bicubic may lie outside the points and still be drawn to scale, as a multiple of their extent."""
_LARGER = {"P": 8.5, "X": 8.5, "*": 11.0}
"""Markers that look smaller than others of the same size."""


@dataclass(frozen=True)
class ComparisonPlot:
    """The plot; it is the same in the page and in the files.

    Attributes:
        comparison: What is drawn.
    """

    comparison: Comparison

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Series to how it is drawn."""
        return looks(list(self.comparison.series))

    def inline(self, size: Size) -> str:
        """As SVG for the page."""
        of_series = {look.variable: f"#0b{index:04x}" for index, look in enumerate(self.looks.values())}
        drawn = [(group.label, group.position) for group in self.comparison.groups]
        return inline_svg(
            self._draw, size, (size, drawn), {**INLINE, "card": "#0a0006", "front": "#0a0007", **of_series}
        )

    def file(self, kind: str) -> bytes:
        """As an ``svg`` or ``png`` file."""
        of_series = {look.variable: look.light for look in self.looks.values()}
        return figure_file(self._draw_with_title, WIDE, kind, {**_ON_WHITE, **of_series})

    def _draw_with_title(self, axes: Axes, colours: Colours) -> None:
        self._draw(axes, colours)
        axes.set_title(visible(self.comparison.title), loc="left", fontsize=11, fontweight="bold", color=colours["ink"])

    def _draw(self, axes: Axes, colours: Colours) -> None:
        quiet(axes, colours)
        self._draw_front(axes, colours)
        for name, groups in self.comparison.series.items():
            _draw_series(axes, groups, colours[self.looks[name].variable], self.looks[name].marker, colours)
        _set_limits(axes, self.comparison)
        self._draw_bicubic(axes, colours)
        self._name_axes(axes, colours)
        self._add_legend(axes, colours)
        name_points(axes, self.comparison.series.values(), colours)

    def _draw_front(self, axes: Axes, colours: Colours) -> None:
        xs, ys = zip(*(group.position for group in self.comparison.front), strict=True)
        # The front continues to the right: spending more than the last one gains nothing.
        right = max(group.position[0] for group in self.comparison.groups) * 1.3
        step: dict[str, Any] = {"drawstyle": "steps-post", "solid_capstyle": "butt", "zorder": 1}
        axes.plot([*xs, right], [*ys, ys[-1]], color=colours["front"], linewidth=6, **step)

    def _draw_bicubic(self, axes: Axes, colours: Colours) -> None:
        bicubic = self.comparison.bicubic
        if bicubic is None:
            return
        text, (low, high) = f"{baseline(self.comparison.scale)} {decimal(bicubic)} dB", axes.get_ylim()
        corner: dict[str, Any] = {"color": colours["muted"], "fontsize": 8.5, "ha": "right"}
        if low <= bicubic <= high:
            axes.axhline(bicubic, color=colours["muted"], linewidth=1.2, linestyle=(0, (5, 4)), zorder=1.5)
            axes.text(0.995, bicubic, text, va="bottom", transform=axes.get_yaxis_transform(), **corner)
        else:  # drawn to scale, it would leave no room for the points
            at, side, arrow = (0.015, "bottom", "↓") if bicubic < low else (0.985, "top", "↑")
            axes.text(0.995, at, f"{arrow} {text}, outside the plot", va=side, transform=axes.transAxes, **corner)

    def _name_axes(self, axes: Axes, colours: Colours) -> None:
        axis = self.comparison.cost
        largest = max(group.position[0] for group in self.comparison.groups)
        size, unit = with_prefix(largest, axis.cost.unit)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value / size)))
        over = unit if axis.cost.unit else f"{axis.unit}, {unit}".rstrip(", ")
        axes.set_xlabel(f"{over} {axis.size}".strip(), color=colours["muted"])
        axes.set_ylabel(f"PSNR Y on {visible(self.comparison.test)}, dB", color=colours["muted"])
        low, high = axes.get_ylim()
        digits = 2 if high - low > _FINE_DB else 3
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: decimal(value, digits)))

    def _add_legend(self, axes: Axes, colours: Colours) -> None:
        entries: list[Line2D] = [
            Line2D([], [], color=colours[look.variable], marker=look.marker, label=name, markersize=6, linewidth=1.6)
            for name, look in self.looks.items()
        ]
        entries.append(Line2D([], [], color=colours["front"], linewidth=6, label="Pareto front"))
        width, _ = figure_of(axes).get_size_inches()
        longest = max(len(str(entry.get_label())) for entry in entries) + 6
        columns = max(1, min(len(entries), int(width * 13 / longest)))
        figure_of(axes).legend(
            handles=entries, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5, handlelength=2.2
        )


def _draw_series(axes: Axes, groups: Sequence[Group], colour: str, marker: str, colours: Colours) -> None:
    xs, ys = zip(*(group.position for group in groups), strict=True)
    axes.plot(xs, ys, color=colour, linewidth=1.5, zorder=3)
    axes.errorbar(
        xs,
        ys,
        xerr=list(_bars(xs, [group.cost.spread or 0.0 for group in groups])),
        yerr=[group.psnr.spread or 0.0 for group in groups],
        fmt="none",
        ecolor=colour,
        elinewidth=1.0,
        alpha=0.6,
        zorder=2.5,
    )
    edge: dict[str, Any] = {"markeredgecolor": colours["card"], "markeredgewidth": 0.8}
    size = _LARGER.get(marker, 7.0)
    axes.plot(xs, ys, color=colour, marker=marker, markersize=size, linestyle="none", zorder=4, **edge)


def _bars(xs: Sequence[float], spreads: Sequence[float]) -> Iterator[list[float]]:
    """Lengths of the bars to the left, which must not reach zero on a logarithmic axis, and to the right."""
    yield [min(spread, 0.9 * x) for x, spread in zip(xs, spreads, strict=True)]
    yield list(spreads)


def _set_limits(axes: Axes, comparison: Comparison) -> None:
    costs = [group.position[0] for group in comparison.groups]
    psnrs = [group.position[1] for group in comparison.groups]
    if min(costs) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(costs) / 1.25, max(costs) * 1.25)
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
        axes.xaxis.set_minor_locator(NullLocator())
    low, high, bicubic = min(psnrs), max(psnrs), comparison.bicubic
    extent = max(high - low, 0.02)
    if bicubic is not None and low - _REACH * extent <= bicubic <= high + _REACH * extent:
        low, high = min(low, bicubic), max(high, bicubic)
    spread = max(group.psnr.spread or 0.0 for group in comparison.groups)
    margin = max(0.1 * (high - low), spread * 1.2, 0.01)
    axes.set_ylim(low - margin, high + margin)
