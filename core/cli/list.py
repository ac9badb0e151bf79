"""``qnas list``: what is registered, and by whom."""

import click

from qnas.core.registry import KINDS


def singular(kind: str) -> str:
    """The kind in the singular: both ``space`` and ``spaces`` are understood."""
    return kind.removesuffix("s") if kind.removesuffix("s") in KINDS else kind


@click.command("list")
@click.argument("kind", required=False)
def list_components(kind: str | None) -> None:
    """List the registered components, all or those of one KIND, and the distribution that each comes from."""
    from rich.console import Console
    from rich.table import Table

    from qnas.core.errors import InputError
    from qnas.core.registry import plugins

    if kind is not None and singular(kind) not in KINDS:
        raise InputError(f"no kind is named '{kind}' (kinds: {', '.join(k + 's' for k in KINDS)})")
    table = Table("kind", "name", "what it is", "distribution", box=None, pad_edge=False, header_style="bold")
    for name, registry in plugins().registries.items():
        if kind is None or name == singular(kind):
            for index, entry in enumerate(registry):
                table.add_row(name if index == 0 else "", entry.name, entry.summary, entry.distribution)
    Console(highlight=False).print(table)
