"""``qnas doctor``: every plugin found, what it registered, and what went wrong."""

import warnings
from typing import TYPE_CHECKING

import click

from qnas.core.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qnas.core.registry import PluginInfo, Plugins
    from qnas.core.registry.diagnosis import Finding


@click.command()
def doctor() -> None:
    """Show every plugin: distribution, version, what it registered, what is wrong with it, and what to do.

    Exits with 1 if anything can't be used. The environment variable QNAS_PLUGINS narrows what is loaded beside what
    qnas ships: names of plugins or distributions with commas between, or nothing.
    """
    from rich.console import Console

    from qnas.core.registry import find_plugins
    from qnas.core.registry.diagnosis import diagnose

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is broken is told below
        loaded = find_plugins()
        findings = [diagnose(info, loaded) for info in loaded.found]
    console = Console(highlight=False, markup=False)
    for info, found in zip(loaded.found, findings, strict=True):
        console.print(_heading(info), style="bold", soft_wrap=True)
        console.print(_body(info, found))
    _show_unknown(console, loaded)
    faulty = sum(any(finding.is_fault for finding in found) for found in findings)
    console.print(_verdict(len(findings), faulty), style="red" if faulty else "green")
    if faulty:
        raise SystemExit(1)


def _show_unknown(console: "Console", loaded: "Plugins") -> None:
    from qnas.core.registry.installed import refuse_unknown, selection

    try:
        refuse_unknown(selection(), loaded.found)
    except InputError as error:
        console.print(str(error), style="red", soft_wrap=True)


def _heading(info: "PluginInfo") -> str:
    return f"{info.name}: {info.distribution} {info.version}, {info.target}"


def _body(info: "PluginInfo", found: "list[Finding]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=13)
    for kind, names in _by_kind(info).items():
        table.add_row(f"  {kind}", ", ".join(names))
    if info.listens:
        table.add_row("  hears", ", ".join(info.listens))
    for finding in found:
        style = "red" if finding.is_fault else "yellow"
        table.add_row(Text("  fault" if finding.is_fault else "  note", style), Text(finding.what, style))
        if finding.advice:
            table.add_row("  advice", finding.advice)
    return table


def _by_kind(info: "PluginInfo") -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for component in info.registered:
        kind, _, name = component.partition(" ")
        kinds.setdefault(kind, []).append(name)
    return kinds


def _verdict(number: int, faulty: int) -> str:
    from qnas.core.cli.format import plural

    return f"{plural(number, 'plugin')}, {faulty or 'none'} with a fault"
