"""All pages of docs/reference."""

from .command_line import command_line
from .components import component_pages
from .contracts import contracts
from .hooks import hooks
from .interfaces import interfaces
from .spec import spec


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "cli.md": command_line(),
        "hooks.md": hooks(),
        "interfaces.md": interfaces(),
        "spec.md": spec(),
        "testing.md": contracts(),
        **component_pages(),
    }
