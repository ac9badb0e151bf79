"""The pictures of docs/concepts.md, each drawn by the code that it shows at work."""

from .joint import joint
from .limit import limit
from .mixture import mixture
from .multiplier import multiplier
from .noise import noise
from .slot import slot


def pictures() -> dict[str, str]:
    """Every picture by its file name."""
    return {f"{draw.__name__}.svg": draw() for draw in (slot, mixture, noise, joint, limit, multiplier)}
