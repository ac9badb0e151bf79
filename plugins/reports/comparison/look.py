"""How the series of a comparison look: each has a colour and a marker that colour-blind readers can tell apart."""

from collections.abc import Sequence
from typing import NamedTuple

# After Okabe and Ito (2008), darkened for light paper and lightened for dark paper until each stands out. In order:
# blue, vermilion, green, purple, olive, cyan, brown, grey, violet.
_COLOURS = (
    ("#0067a5", "#62b1f0"),
    ("#c8500a", "#ff9a5c"),
    ("#00795a", "#4fd0a5"),
    ("#a3307f", "#f08cc4"),
    ("#7d6b00", "#e0c44a"),
    ("#1787ab", "#7fdcf5"),
    ("#7a3b1e", "#d69a78"),
    ("#4a4f58", "#b9bec7"),
    ("#6a4fd0", "#b3a2ff"),
)
# One more than there are colours, so that series of the same colour have different markers.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "<")


class Look(NamedTuple):
    """How one series is drawn.

    Attributes:
        variable: The CSS variable of its colour, without dashes.
        light: Its colour on light paper.
        dark: Its colour on dark paper.
        marker: matplotlib's name of its marker.
    """

    variable: str
    light: str
    dark: str
    marker: str


def looks(series: Sequence[str]) -> dict[str, Look]:
    """A look for each series."""
    return {
        name: Look(f"series-{index}", *_COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)])
        for index, name in enumerate(series)
    }
