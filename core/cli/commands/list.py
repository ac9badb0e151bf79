"""``qnas list``: what is registered, and by whom."""

import difflib
from collections.abc import Sequence

import click

from qnas.core.errors import InputError
from qnas.core.registry import KINDS, plural_of


def known_kind(given: str, kinds: Sequence[str] = KINDS) -> str:
    """The kind that is meant: both ``space`` and ``spaces`` are understood.

    Raises:
        InputError: There is no such kind; the message names the nearest.
    """
    for kind in kinds:
        if given in {kind, plural_of(kind)}:
            return kind
    near = difflib.get_close_matches(given, kinds, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise InputError(f"no kind is named '{given}'{hint} (kinds: {', '.join(kinds)})")


@click.command("list")
@click.argument("kind", required=False)
def list_components(kind: str | None) -> None:
    """List the registered components, or those of one KIND, with the distribution that each comes from."""
    from rich.table import Table

    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.registry import plugins

    wanted = known_kind(kind) if kind else None
    table = Table("kind", "name", "what it is", "distribution", box=None, pad_edge=False, header_style="bold")
    for name, registry in plugins().registries.items():
        if wanted in {None, name}:
            for index, entry in enumerate(registry):
                table.add_row(name if index == 0 else "", entry.name, entry.summary, entry.distribution)
    console = Terminal()
    console.print(table)
    if wanted == "target":
        for entry, component in plugins().registries[wanted].loadable():
            console.print(f"{entry.name}: {component.remark()}", soft_wrap=True)  # an address in it stays whole
