"""The last lines of ``qnas run``: what was found, and where to look."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qnas.core.cli.terminal.console import Terminal
from qnas.core.cli.terminal.scores_table import scores_table
from qnas.core.drawing.wording import bitops, float_work, quantity
from qnas.core.files.folder import RunFolder


def print_summary(summary: Mapping[str, Any], folder: RunFolder) -> None:
    """Print the figures of result.json that are there so far."""
    console = Terminal()
    if summary["test"]:
        console.print(scores_table(summary["test"]))
        smallest, count = next(iter(summary["bitops"].items()))
        gap = summary["discretization_gap_db"]
        console.print(
            f"{bitops(count)} at {smallest} LR, {summary['params']:,} parameters,"
            f" {quantity(summary['size_bytes'], 'B')}"
            + (f", discretization gap {gap:.2f} dB" if gap is not None else ""),
            soft_wrap=True,
        )
        for work in [*(summary["float_work"] or {}).values()][:1]:  # an older qnas did not count it
            console.print(f"in float beside: {float_work(work)}", soft_wrap=True)
    if summary["ties"]:
        console.print(f"close choices in: {', '.join(summary['ties'])}", soft_wrap=True)
    console.print(f"see {_place_to_look(folder)}", soft_wrap=True)


def _place_to_look(folder: RunFolder) -> Path:
    """The report, if there is one, or else the folder."""
    done = "report/result.json"
    return folder.path / folder.read_json(done)["file"] if folder.has(done) else folder.path
