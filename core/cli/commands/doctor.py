"""``qnas doctor``: every plugin found, what it registered, and what went wrong."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from qnas.core.registry import PluginInfo
    from qnas.core.registry.diagnosis import Finding


@click.command()
def doctor() -> None:
    """Show every plugin: distribution, version, what it registered, what is wrong with it, and what to do.

    Exits with 1 if a plugin can't be used. The environment variable QNAS_PLUGINS limits which third-party plugins are
    loaded: names of distributions or plugins, separated by commas, or nothing.
    """
    from qnas.core.cli.terminal.console import Terminal

    console = Terminal()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is broken is shown below
        findings = _examine(console)
    faulty = sum(any(finding.is_fault for finding in found) for found in findings)
    console.print(_verdict(len(findings), faulty), style="red" if faulty else "green")
    if faulty:
        raise SystemExit(1)


def _examine(console: "Console") -> "list[list[Finding]]":
    """Load and show one plugin after the other: if one hangs, its name is the last line."""
    from qnas.core.registry import Plugins
    from qnas.core.registry.diagnosis import diagnose
    from qnas.core.registry.installed import SELECTION, installed, selected, selection

    there, loaded, findings = installed(), Plugins(), []
    chosen = selected([info for _, info in there], selection())
    for point, info in there:
        console.print(f"{info.name}: {info.distribution} {info.version}, {info.target}", style="bold", soft_wrap=True)
        now = loaded.load_one(point, info) if info in chosen else replace(info, left_out_by=SELECTION)
        findings.append(diagnose(now, loaded))
        _show(console, now, findings[-1])
    return findings


def _show(console: "Console", info: "PluginInfo", found: "list[Finding]") -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=13)
    for kind, names in _by_kind(info).items():
        table.add_row(f"  {kind}", ", ".join(names))
    if info.listens:
        table.add_row("  hooks", ", ".join(info.listens))
    if table.row_count:
        console.print(table)
    for finding in found:
        what, style = ("fault", "red") if finding.is_fault else ("note", "yellow")
        console.print(f"  {what}: {finding.what}", style=style, soft_wrap=True)
        if finding.advice:
            console.print(f"  advice: {finding.advice}", soft_wrap=True)


def _by_kind(info: "PluginInfo") -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for component in info.registered:
        kind, _, name = component.partition(" ")
        kinds.setdefault(kind, []).append(name)
    return kinds


def _verdict(number: int, faulty: int) -> str:
    from qnas.core.drawing.wording import plural

    return f"{plural(number, 'plugin')}, {faulty or 'none'} with a fault"
