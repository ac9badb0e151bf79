"""``qnas show``: a component's doc and fields."""

import click

from qnas.core.cli.list import singular
from qnas.core.registry import KINDS


@click.command()
@click.argument("kind")
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Show the doc and the fields of a component, such as: qnas show quantizer lsq."""
    from rich.console import Console
    from rich.table import Table

    from qnas.core.components.documentation import describe_field, field_docs, prose
    from qnas.core.errors import InputError
    from qnas.core.registry import plugins

    if singular(kind) not in KINDS:
        raise InputError(f"no kind is named '{kind}' (kinds: {', '.join(KINDS)})")
    registry = plugins().registries[singular(kind)]
    entry, component = registry.entry(name), registry.load(name)
    console = Console(highlight=False)
    console.print(f"[bold]{entry.name}[/bold] ({singular(kind)} of {entry.distribution}, {entry.target})")
    console.print(prose(component).replace("``", ""), markup=False)
    table = Table("field", "type", "default", "what it is", box=None, pad_edge=False, header_style="bold")
    docs = field_docs(component)
    for field, info in component.model_fields.items():
        if field != "name":
            kind_of_value, default = describe_field(info, entry.defaults.get(field))
            table.add_row(field, kind_of_value, default, docs.get(field, "").replace("``", ""))
    if table.row_count:
        console.print()
        console.print(table)
