"""The table of a found network beside its baselines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from qnas.core.drawing.wording import quantity
from qnas.core.run.beside import Beside
from qnas.core.run.costs import StatedCost
from qnas.core.run.names import as_named_now


def baselines_table(beside: Beside, costs: Sequence[StatedCost]) -> Table:
    """A row for each network: PSNR on Y on each test set, and those of the costs that depend on bits."""
    decisive = [cost for cost in costs if cost.by_width]
    table = Table("PSNR Y", box=None, pad_edge=False, header_style="bold")
    for name in [*(beside.result.get("test") or {}), *(cost.title for cost in decisive)]:
        table.add_column(name, justify="right")
    for name, record in beside.networks.items():
        table.add_row(name, *_figures(record, beside.result["test"], decisive))
    return table


def _figures(record: Mapping[str, Any], sets: Mapping[str, Any], costs: Sequence[StatedCost]) -> Iterator[str]:
    for name in sets:
        psnr = record["test"][name]["psnr_y"]
        yield "-" if psnr is None else f"{psnr:.2f} dB"
    for cost in costs:
        figures = [*cost.figures(as_named_now(record)).values()][:1]
        yield quantity(figures[0], cost.sign) if figures else "-"
