"""Options and arguments that several commands share."""

from pathlib import Path

import click

spec_argument = click.argument("spec", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a field, such as --set search.steps=50. Can be given several times.",
)
