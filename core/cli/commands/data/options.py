"""Options and arguments of the commands for images."""

import click

jobs_option = click.option("--jobs", type=click.IntRange(min=1), help="Images at a time [default: one per processor].")
