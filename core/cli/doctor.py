"""``qnas doctor``: every plugin found, and what went wrong."""

import warnings

import click


@click.command()
def doctor() -> None:
    """Show every plugin: distribution, version, what it registered, and what went wrong.

    Exits with 1 if a plugin is broken.
    """
    from rich.console import Console
    from rich.table import Table

    from qnas.core.registry import find_plugins

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is broken stands in the table
        loaded = find_plugins()
    table = Table("plugin", "distribution", "entry point", "state", box=None, pad_edge=False, header_style="bold")
    for info in loaded.found:
        state = f"broken: {info.error}" if info.error else f"registered {len(info.registered)} components"
        table.add_row(info.name, f"{info.distribution} {info.version}", info.target, state)
    Console(highlight=False, markup=False).print(table)
    if loaded.broken:
        raise SystemExit(1)
