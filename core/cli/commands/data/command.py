"""``qnas data``: prepares images for a run."""

import click

from qnas.core.cli.commands.data.check import check
from qnas.core.cli.commands.data.pack import pack


@click.group()
def data() -> None:
    """Check images before a run, and pack them into one file."""


data.add_command(check)
data.add_command(pack)
