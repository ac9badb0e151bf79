"""``qnas list``: what is registered, and by whom."""

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from qnas.core.cli.options import plugin_option
from qnas.core.errors import InputError
from qnas.core.registry import KINDS, Model, Tracker, plural_of

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.core.registry import Entry, Registry

LISTED = (*KINDS, Tracker.kind, Model.kind)
"""Kinds of what can be registered."""

_WILDCARDS = "*?["


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
@click.argument("pattern", required=False)
@plugin_option
def list_components(kind: str | None, pattern: str | None) -> None:
    """List what is registered, or that of one KIND, or what has a name that matches PATTERN, such as 'rfdn*'.

    A PATTERN may stand alone: qnas list '*sr*'. Each component, tracker and model is shown with the distribution that
    it comes from.
    """
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.registry import plugins

    if kind and pattern is None and set(kind) & set(_WILDCARDS):
        kind, pattern = None, kind
    known = plugins()
    wanted = known_kind(kind, LISTED) if kind else None
    found = {name: _matching(known.registry_of(name), pattern) for name in LISTED}
    shown = {name: entries for name, entries in found.items() if wanted in {None, name} and entries}
    if pattern and not shown:
        raise InputError(f"no {wanted or 'component'} has a name like '{pattern}'")
    console = Terminal()
    console.print(_table(shown))
    if wanted == "target":
        names = {entry.name for entry in shown["target"]}
        for entry, component in known.registries[wanted].loadable():
            if entry.name in names:
                console.print(f"{entry.name}: {component.remark()}", soft_wrap=True)  # an address in it stays whole


def _matching(registry: "Registry[Any]", pattern: str | None) -> "list[Entry]":
    return [entry for entry in registry if pattern is None or fnmatch.fnmatchcase(entry.name, pattern)]


def _table(shown: "Mapping[str, Sequence[Entry]]") -> "Table":
    from rich.table import Table

    table = Table("kind", "name", "what it is", "distribution", box=None, pad_edge=False, header_style="bold")
    for kind, entries in shown.items():
        for index, entry in enumerate(entries):
            table.add_row(kind if index == 0 else "", entry.name, entry.summary, entry.distribution)
    return table
