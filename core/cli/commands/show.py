"""``qnas show``: the description and fields of a component, and the network of a space."""

import re
from typing import TYPE_CHECKING

import click

from qnas.core.cli.commands.list import known_kind
from qnas.core.cli.options import plugin_option
from qnas.core.errors import InputError
from qnas.core.registry import KINDS, Model

if TYPE_CHECKING:
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.components import Component, Space
    from qnas.core.registry import Entry

_USUAL_SCALE = 4
_ROLE = re.compile(r":\w+:`[~.!]*([^`]+)`")


@click.command()
@click.argument("kind")
@click.argument("name")
@click.option("--scale", type=int, metavar="N", help="The scale at which to draw a space [default: 4 if possible].")
@plugin_option
def show(kind: str, name: str, scale: int | None) -> None:
    """Show a component's description and fields, such as: qnas show quantizer lsq; of a model, its card.

    For a space it also draws the network, lists the candidates, and counts architectures and costs.
    """
    from qnas.core.cli.terminal.console import Terminal
    from qnas.core.registry import plugins

    kind = known_kind(kind, (*KINDS, Model.kind))
    if scale is not None and kind != "space":
        raise InputError(f"only a space has a scale: show {kind} {name} without --scale")
    if kind == Model.kind:
        from qnas.core.run.deployment.models import card_of

        click.echo(card_of(name))
        return
    registry = plugins().registries[kind]
    entry, component = registry.entry(name), registry.load(name)
    console = Terminal()
    _show_fields(console, kind, entry, component)
    if kind == "space":
        console.print()
        _show_space(console, entry, component, scale)


def _show_fields(console: "Terminal", kind: str, entry: "Entry", component: "type[Component]") -> None:
    from rich.table import Table

    from qnas.core.settings.documentation import describe_field, field_docs, prose

    console.print(entry.name, style="bold", end=" ")
    console.print(f"({kind} of {entry.distribution}, {entry.target})")
    console.print(_plain(prose(component)))
    if remark := component.remark():
        console.print()
        console.print(remark, soft_wrap=True)  # an address in it stays whole
    table = Table("field", "type", "default", "what it is", box=None, pad_edge=False, header_style="bold")
    docs = field_docs(component)
    for field, info in component.model_fields.items():
        if field != "name":
            kind_of_value, default = describe_field(info, entry.defaults.get(field))
            table.add_row(field, kind_of_value, default, _plain(docs.get(field, "")))
    if table.row_count:
        console.print()
        console.print(table)


def _plain(text: str) -> str:
    """Prose of a docstring without its markup."""
    return _ROLE.sub(r"\1", text).replace("``", "")


def _show_space(console: "Terminal", entry: "Entry", component: "type[Component]", scale: int | None) -> None:
    """Show the space with its defaults, if they are enough for a network."""
    from qnas.core.cli.terminal.space_view import print_space, view_space
    from qnas.core.components import Quantizer

    required = [name for name, info in component.model_fields.items() if info.is_required()]
    lacking = ", ".join(name for name in required if name not in entry.defaults)
    if lacking:
        line = f"Its network depends on {lacking}, which a spec must state: draw it with qnas check SPEC."
        console.print_prose(line)
        return
    space = _default_space(entry.name)
    if scale is None:
        scale = _USUAL_SCALE if _USUAL_SCALE in space.scales else max(space.scales)
    print_space(console, view_space(space, scale, Quantizer.of("lsq")), entry.name)


def _default_space(name: str) -> "Space":
    from pydantic import ValidationError

    from qnas.core.components import Space

    try:
        return Space.of(name)
    except ValidationError as error:
        first = error.errors()[0]
        what = ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
        raise InputError(f"the defaults of the space '{name}' are not enough for a network: {what}") from error
