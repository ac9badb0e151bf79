"""``qnas show``: a component's doc and fields."""

import click

from qnas.core.cli.list import singular


@click.command()
@click.argument("kind")
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Show the doc and the fields of a component, such as: qnas show quantizer lsq."""
    from rich.console import Console
    from rich.table import Table

    from qnas.core.components.documentation import describe_field, field_docs, prose
    from qnas.core.registry import plugins

    registry = plugins().registries[singular(kind)]
    entry, component = registry.entry(name), registry.load(name)
    console = Console(highlight=False, markup=False)
    console.print(entry.name, style="bold", end=" ")
    console.print(f"({singular(kind)} of {entry.distribution}, {entry.target})")
    console.print(prose(component).replace("``", ""))
    table = Table("field", "type", "default", "what it is", box=None, pad_edge=False, header_style="bold")
    docs = field_docs(component)
    for field, info in component.model_fields.items():
        if field != "name":
            kind_of_value, default = describe_field(info, entry.defaults.get(field))
            table.add_row(field, kind_of_value, default, docs.get(field, "").replace("``", ""))
    if table.row_count:
        console.print()
        console.print(table)
