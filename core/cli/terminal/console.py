"""The terminal: names from specs and plugins are printed as plain text, without control characters."""

from typing import Any

from rich.console import Console
from rich.text import Text

from qnas.core.visible import visible


class Terminal(Console):
    """A console that prints text as it is: there is no markup in it, nothing in it is highlighted or controls anything.

    Args:
        options: Of :class:`rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print_prose(self, text: str) -> None:
        """Print sentences, folded between words where this is a terminal.

        What people copy, such as paths and commands, is for ``print(text, soft_wrap=True)``, which never breaks it.
        """
        if self.is_terminal:
            self.print(text)
        else:
            self.print(text, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:
        """See :meth:`rich.console.Console.render_str`."""
        return super().render_str(visible(text), **options)
