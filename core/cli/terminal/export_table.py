"""The table of what was exported."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from qnas.core.drawing.wording import quantity

_COLUMNS = ("size", "integer convs", "equal", "furthest", "PSNR Y", "of the file")


def export_table(exported: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each target: its file's size, how many convolutions compute on integers, and how alike the images are.

    Args:
        exported: What is known of the file of each target, by the target's name.
    """
    table = Table("target", box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for name, known in exported.items():
        table.add_row(name, *_figures(known))
    return table


def _figures(known: Mapping[str, Any]) -> Iterable[str]:
    parity = known["parity"]
    yield quantity(known["bytes"], "B")
    yield f"{known['integer_convolutions']} of {known['convolutions']}"
    yield f"{parity['of_file']['equal']:.3%}"
    yield f"{parity['of_file']['largest_in_levels']} of 255"
    first = next(iter(parity["psnr_y"].values()), None)
    for who in ("network", "file"):
        yield "-" if first is None else f"{first[who]:.3f} dB"
