"""The table of a comparison in the terminal: a row for each group of seeds."""

from collections.abc import Sequence

from rich.table import Table

from qnas.core.comparison import Comparison, CostAxis, Figure, Group
from qnas.core.drawing.wording import baseline, duration, quantity

UNKNOWN = "-"


def comparison_table(comparison: Comparison) -> Table:
    """The table, with rows ordered by series and then by the values that vary."""
    axis = comparison.cost
    table = Table(
        title=f"{comparison.title}\n{_of(comparison)}, {axis.heading}",
        box=None,
        pad_edge=False,
        header_style="bold",
        title_justify="left",
        title_style="",
    )
    table.add_column("")
    table.add_column("run", overflow="fold", min_width=16)
    table.add_column("PSNR Y, dB (runs)", justify="right", no_wrap=True)
    others = [other.name for other in comparison.others]
    for name in (f"over\n{baseline(comparison.scale)}", "SSIM Y", axis.cost.title, *others, "search", "train"):
        table.add_column(name, justify="right")
    for group in comparison.groups:
        table.add_row("*" if group.on_front else "", group.label, *_figures(group, axis, comparison.others))
    return table


def _of(comparison: Comparison) -> str:
    return f"{comparison.test} ({comparison.images} images), x{comparison.scale}"


def _figures(group: Group, axis: CostAxis, others: Sequence[CostAxis]) -> list[str]:
    return [
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
