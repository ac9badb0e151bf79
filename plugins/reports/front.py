"""The front of a search: a chart of its points, and a table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from qnas.core.drawing.wording import decimal, scaled, with_prefix
from qnas.core.run.front import Front
from qnas.core.run.record import RunRecord
from qnas.plugins.reports.figure import Colours, inline_svg, log_ticks, quiet, tick_label

_SIZE_INCHES = (6.4, 3.4)


@dataclass(frozen=True)
class FrontPart:
    """What the page shows of a front.

    Attributes:
        front: The front.
    """

    front: Front

    @property
    def cost(self) -> str:
        """The name of the cost."""
        return self.front.cost.title

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The points as the table has them."""
        sign = self.front.cost.sign
        return [
            {**vars(row), "limit": scaled(row.limit, sign).strip(), "cost": scaled(row.cost, sign).strip()}
            for row in self.front.rows
        ]

    @property
    def summary(self) -> str:
        """The text alternative of the chart."""
        ends = (f"{decimal(row['psnr'])} dB at {row['cost']}" for row in (self.rows[0], self.rows[-1]))
        return f"PSNR Y on held-out images over {self.cost}: from {' to '.join(ends)}"

    @cached_property
    def svg(self) -> str:
        """The chart, safe in a page: it has only numbers and words of ours."""
        return inline_svg(self._draw, _SIZE_INCHES, self.front)

    def _draw(self, axes: Axes, colours: Colours) -> None:
        quiet(axes, colours)
        costs, psnrs = [row.cost for row in self.front.rows], [row.psnr for row in self.front.rows]
        axes.plot(costs, psnrs, color=colours["ours"], linewidth=1.8, marker="o", markersize=6, clip_on=False)
        for row in self.front.rows:
            axes.annotate(
                str(row.number),
                (row.cost, row.psnr),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                color=colours["ink"],
            )
        axes.margins(y=0.15)
        if min(costs) > 0:
            axes.set_xscale("log")
            axes.set_xlim(min(costs) / 1.25, max(costs) * 1.25)
            axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
            axes.xaxis.set_minor_locator(NullLocator())
        size, unit = with_prefix(max(costs), self.front.cost.unit)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value / size)))
        axes.set_xlabel(unit if self.front.cost.unit else f"{self.cost}, {unit}".rstrip(", "), color=colours["muted"])
        axes.set_ylabel("PSNR Y, dB", color=colours["muted"])


def front_part(record: RunRecord) -> FrontPart | None:
    """What the page of a run shows of its front, if its search looked for one."""
    front = Front.of(record.stages["search"], record.spec_data)
    return FrontPart(front) if front else None
