"""What pictures are drawn on: SVG with the colours of reports, light and dark, on paper of its own."""

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files

from qnas.plugins.reports.palette import bits_colours, bits_variable

WIDTH = 480
"""Of all pictures: on a phone, their text is then still large enough to be read."""
BITS = (2, 4, 8)
_DARK = "@media (prefers-color-scheme: dark)"
_LOOKS = """\
text { font: 15px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink) }
text.small { font-size: 14px; fill: var(--muted) }
text.on-few, text.on-many { font-size: 13px; font-weight: 600 }
text.on-few { fill: var(--on-few) }
text.on-many { fill: var(--paper) }
text.strong { font-weight: 650 }
text.name { font-size: 14px }
text.chosen { font-size: 14px; font-weight: 650 }
.paper { fill: var(--paper) }
.card { fill: var(--card); stroke: var(--line) }
.slot { fill: var(--card); stroke: var(--muted); stroke-width: 1.5 }
.found { fill: var(--ours) }
.line { fill: none; stroke: var(--muted); stroke-width: 1.5 }
.strong-line { fill: none; stroke: var(--ours); stroke-width: 2.5 }
.dashed { fill: none; stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 4 4 }
.limit { fill: none; stroke: var(--worse); stroke-width: 2 }
.beyond { fill: var(--worse); opacity: 0.08 }
.integers { fill: none; stroke: var(--bits-8); stroke-width: 2.5 }
.dots { fill: none; stroke: var(--muted); stroke-width: 3.5; stroke-linecap: round }
.large-dots { fill: none; stroke: var(--muted); stroke-width: 6; stroke-linecap: round }
.faint { opacity: 0.4 }
.ring { fill: none; stroke: var(--ours); stroke-width: 2 }
.head { fill: var(--muted) }"""

Point = tuple[float, float]


class Canvas:
    """A picture that is being drawn.

    Args:
        height: In pixels, as everything here.
        what: What is shown, for readers who can't see it.
    """

    def __init__(self, height: int, what: str) -> None:
        self._height = height
        self._what = what
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, look: str = "", anchor: str = "start") -> None:
        """Write, with the baseline at ``y``."""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{_class(look)} text-anchor="{anchor}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, look: str = "card", radius: float = 8) -> None:
        """A rectangle."""
        size = f'width="{_short(width)}" height="{_short(height)}" rx="{radius:g}"'
        self._parts.append(f'<rect x="{_short(x)}" y="{_short(y)}" {size}{_class(look)}/>')

    def bits(self, x: float, y: float, bits: int, side: float = 22) -> None:
        """A square in the colour of a bit-width, with the number in it; (x, y) is its centre."""
        self.bar(x - side / 2, y - side / 2, side, side, bits, radius=5)
        self.text(x, y + 5, str(bits), "on-many" if bits == max(BITS) else "on-few", "middle")

    def bar(self, x: float, y: float, width: float, height: float, bits: int, radius: float = 2) -> None:
        """A rectangle in the colour of a bit-width."""
        size = f'width="{_short(width)}" height="{_short(height)}" rx="{radius:g}"'
        self._parts.append(f'<rect x="{_short(x)}" y="{_short(y)}" {size} style="fill:{bits_variable(bits)}"/>')

    def path(self, data: str, look: str = "line") -> None:
        """A path."""
        self._parts.append(f'<path d="{data}"{_class(look)}/>')

    def curve(self, points: Iterable[Point], look: str = "line") -> None:
        """Lines from point to point."""
        self.path("M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points), look)

    def dots(self, points: Iterable[Point], look: str = "dots") -> None:
        """A dot at each point."""
        self.path("".join(f"M{_short(x)} {_short(y)}h0" for x, y in points), look)

    def circle(self, x: float, y: float, radius: float, look: str) -> None:
        """A circle."""
        self._parts.append(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{radius:g}"{_class(look)}/>')

    def arrow(self, x: float, y: float, to_x: float, look: str = "line") -> None:
        """An arrow to the right."""
        self.path(f"M{x:g} {y:g}H{to_x - 6:g}", look)
        self.path(f"M{to_x:g} {y:g}l-9 -5v10z", "head")

    def svg(self) -> str:
        """The picture."""
        size = f'viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" height="{self._height}"'
        paper = f'<rect class="paper" width="{WIDTH}" height="{self._height}" rx="12"/>'
        what = escape(self._what)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{what}">',
                f"<style>\n{_colours()}\n{_LOOKS}\n</style>",
                paper,
                *self._parts,
                "</svg>\n",
            ]
        )


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""


def _short(value: float) -> str:
    """A number with at most one digit after the point: so little moves no picture on another machine."""
    return f"{round(value, 1) + 0.0:g}"


@cache
def _colours() -> str:
    """The colours of reports, as variables."""
    css = (files("qnas.plugins.reports") / "templates/report.css").read_text(encoding="utf-8")
    light, dark = (re.search(r":root \{(.*?)\}", css[css.index(start) :], re.DOTALL) for start in (":root", _DARK))
    bits = bits_colours(BITS)
    of_light = [*_variables(light), "--on-few: var(--ink)", *(f"--bits-{one.bits}: {one.light}" for one in bits)]
    of_dark = [*_variables(dark), "--on-few: var(--paper)", *(f"--bits-{one.bits}: {one.dark}" for one in bits)]
    return f"svg {{ {'; '.join(of_light)} }}\n{_DARK} {{ svg {{ {'; '.join(of_dark)} }} }}"


def _variables(block: re.Match[str] | None) -> list[str]:
    """The colours among the variables of a block of CSS."""
    return re.findall(r"--[a-z-]+: #[0-9a-f]{6}", block[1] if block else "")
