"""All pages and pictures that are generated."""

from .command_line import command_line
from .components import component_pages
from .contracts import contracts
from .hooks import hooks
from .interfaces import interfaces
from .known_plugins import known_plugins
from .models import models
from .pictures import pictures
from .spec import spec


def pages() -> dict[str, str]:
    """Every page and picture by its path in docs."""
    reference = {
        "cli.md": command_line(),
        "hooks.md": hooks(),
        "interfaces.md": interfaces(),
        "spec.md": spec(),
        "testing.md": contracts(),
        **component_pages(),
    }
    return {
        "models.md": models(),
        "plugins.md": known_plugins(),
        **{f"reference/{name}": text for name, text in reference.items()},
        **{f"concepts/{name}": picture for name, picture in pictures().items()},
    }
