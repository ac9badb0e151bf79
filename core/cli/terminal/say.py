"""Telling something beside the output."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from qnas.core.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

_live: list["Console"] = []  # those that show a bar now


def say(message: str, colour: str = "") -> None:
    """Tell something on standard error, above a bar that is shown there.

    What others wrote in it is shown and does nothing.
    """
    shown = visible(message)
    if _live:
        _live[-1].print(shown, style=colour or None, markup=False, highlight=False, emoji=False, soft_wrap=True)
    else:
        click.echo(click.style(shown, fg=colour) if colour else shown, err=True)


@contextlib.contextmanager
def above(console: "Console") -> Iterator[None]:
    """A context in which everything is told on a console that shows a bar."""
    _live.append(console)
    try:
        yield
    finally:
        _live.pop()
