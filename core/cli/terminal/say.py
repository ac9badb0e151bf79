"""Messages on standard error, beside the output."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from qnas.core.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

_live: list["Console"] = []  # consoles that show a bar now


def say(message: str, colour: str = "") -> None:
    """Print a message on standard error, above a progress bar if one is shown.

    Control characters in it are escaped.
    """
    shown = visible(message)
    if _live:
        plain: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
        bar = _live[-1]
        bar.print(shown, style=colour or None, soft_wrap=not bar.is_terminal, **plain)  # a terminal breaks words
    else:
        click.echo(click.style(shown, fg=colour) if colour else shown, err=True)


@contextlib.contextmanager
def above(console: "Console") -> Iterator[None]:
    """A context in which messages go to a console that shows a bar."""
    _live.append(console)
    try:
        yield
    finally:
        _live.pop()
