"""The table of scores: a network and the baseline."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from qnas.core.drawing.wording import baseline

_COLUMNS = {"psnr_y": "PSNR Y", "ssim_y": "SSIM Y", "psnr_rgb": "PSNR RGB", "ssim_rgb": "SSIM RGB"}


def scores_table(scores: Mapping[str, Mapping[str, Any]], scale: object, title: str = "set") -> Table:
    """Two rows for each test set or image, by its name.

    Args:
        scores: The scores of each, with those of the baseline under ``bicubic``; figures that an older qnas did not
            measure may be missing.
        scale: The factor that the network enlarges by.
        title: What the names are of.
    """
    table = Table(title, "", box=None, pad_edge=False, header_style="bold")
    for name in _COLUMNS.values():
        table.add_column(name, justify="right")
    for name, ours in scores.items():
        for who, figures in (("found", ours), (baseline(scale), ours["bicubic"])):
            table.add_row(name if who == "found" else "", who, *(_figure(key, figures.get(key)) for key in _COLUMNS))
    return table


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f} dB" if key.startswith("psnr") else f"{value:.4f}"
