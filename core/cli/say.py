"""Telling something beside the output."""

import click

from qnas.core.visible import visible


def say(message: str, colour: str = "") -> None:
    """Tell something on standard error; what others wrote in it is shown and does nothing."""
    shown = visible(message)
    click.echo(click.style(shown, fg=colour) if colour else shown, err=True)
