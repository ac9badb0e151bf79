"""What a table of a comparison says, cell by cell, in a terminal and in a notebook."""

from collections.abc import Sequence

from qnas.core.comparison.cost import CostAxis
from qnas.core.comparison.figure import Figure
from qnas.core.comparison.group import Group
from qnas.core.drawing.wording import baseline, duration, quantity

UNKNOWN = "-"
ON_FRONT = "on the Pareto front: no other row is as good for less, or better for as little"


def headings(axis: CostAxis, others: Sequence[CostAxis], scale: int) -> list[str]:
    """The heads of the columns: a mark, the name, PSNR, and then other figures."""
    costs = [axis.cost.title, *(other.name for other in others)]
    return ["", "run", "PSNR Y, dB (runs)", f"over\n{baseline(scale)}", "SSIM Y", *costs, "search", "train"]


def row(group: Group, axis: CostAxis, others: Sequence[CostAxis]) -> list[str]:
    """The cells of a group of seeds."""
    return [
        "*" if group.on_front else "",
        group.label,
        _psnr(group.psnr),
        _mean(group.gain, "+.2f"),
        _mean(group.ssim, ".4f"),
        _quantity(group.cost, axis.cost.sign),
        *(_quantity(group.of_cost(other), other.cost.sign) for other in others),
        *(_duration(group.figure("seconds", stage)) for stage in ("search", "train")),
    ]


def _psnr(figure: Figure) -> str:
    spread = "" if figure.spread is None else f" ± {figure.spread:.2f}"
    return f"{_mean(figure, '.2f')}{spread} ({figure.count})"


def _mean(figure: Figure, form: str) -> str:
    return UNKNOWN if figure.mean is None else format(figure.mean, form)


def _quantity(figure: Figure, unit: str = "") -> str:
    return UNKNOWN if figure.mean is None else quantity(figure.mean, unit).replace(" ", "\N{NO-BREAK SPACE}")


def _duration(figure: Figure) -> str:
    return UNKNOWN if figure.mean is None else duration(figure.mean).replace(" ", "\N{NO-BREAK SPACE}")
