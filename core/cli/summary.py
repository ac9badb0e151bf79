"""The last lines of ``qnas run``: what was found, and where to look."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from qnas.core.cli.format import bitops, quantity
from qnas.core.engine.folder import RunFolder


def print_summary(summary: Mapping[str, Any], folder: RunFolder) -> None:
    """Print the figures of result.json, as far as the run has come."""
    console = Console(highlight=False, markup=False)
    if summary["test"]:
        console.print(_scores(summary["test"]))
        smallest, count = next(iter(summary["bitops"].items()))
        gap = summary["discretization_gap_db"]
        console.print(
            f"{bitops(count)} at {smallest} LR, {summary['params']:,} parameters,"
            f" {quantity(summary['size_bytes'], 'B')}"
            + (f", discretization gap {gap:.2f} dB" if gap is not None else ""),
            soft_wrap=True,
        )
    if summary["ties"]:
        console.print(f"close choices in: {', '.join(summary['ties'])}", soft_wrap=True)
    console.print(f"see {_place_to_look(folder)}", soft_wrap=True)


def _place_to_look(folder: RunFolder) -> Path:
    """The report, if there is one, or else the folder."""
    done = "report/result.json"
    return folder.path / folder.read_json(done)["file"] if folder.has(done) else folder.path


def _scores(test: Mapping[str, Any]) -> Table:
    table = Table("set", "", box=None, pad_edge=False, header_style="bold")
    for name in ("PSNR Y", "SSIM Y", "PSNR RGB"):
        table.add_column(name, justify="right")
    for name, scores in test.items():
        for who, s in (("found", scores), ("bicubic", scores["bicubic"])):
            figures = (f"{s['psnr_y']:.2f} dB", f"{s['ssim_y']:.4f}", f"{s['psnr_rgb']:.2f} dB")
            table.add_row(name if who == "found" else "", who, *figures)
    return table
