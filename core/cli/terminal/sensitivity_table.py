"""The table of ``qnas check --sensitivity``: the slots that matter most."""

from collections.abc import Sequence

from rich.table import Table

from qnas.core.cli.terminal.console import Terminal
from qnas.core.drawing.wording import plural
from qnas.core.run.sensitivity import NetworkSensitivity, SlotSensitivity

_SHOWN = 10
_FURTHER = 2
"""Candidates of a slot that are named beside the worst."""


def print_sensitivity(console: Terminal, measured: NetworkSensitivity) -> None:
    """Print a row for each of the slots that lose most, and a line for the others."""
    console.print()
    console.print_prose(
        "sensitivity: what one candidate in a slot costs by itself, calibrated, not trained; with the widest bits"
        f" everywhere PSNR is {measured.psnr:.2f} dB ({plural(measured.images, 'held-out image')}), in float"
        f" {measured.given:.2f} dB"
    )
    console.print(_table(measured.slots[:_SHOWN]))
    if rest := measured.slots[_SHOWN:]:
        console.print_prose(f"{plural(len(rest), 'more slot')}: {_decibels(rest[0].most)} dB at most")


def _table(slots: Sequence[SlotSensitivity]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("slot", overflow="fold")
    table.add_column("costs most", overflow="fold")
    table.add_column("dB", justify="right", no_wrap=True)
    table.add_column("then", overflow="fold")
    for slot in slots:
        (worst, lost), *others = slot.lost.items()
        then = ", ".join(f"{label} {_decibels(further)}" for label, further in others[:_FURTHER])
        shared = f" (and {slot.sharing - 1} that share its choice)" if slot.sharing > 1 else ""
        table.add_row(f"{slot.path}{shared}", worst, _decibels(lost), then)
    return table


def _decibels(lost: float) -> str:
    return f"{round(lost, 2) + 0.0:.2f}"  # no -0.00
