"""The pictures of the page of concepts: whole, self-contained, readable in light and dark, and all in use."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import pytest
from docs.generator.pictures import pictures
from docs.generator.pictures.canvas import WIDTH, Canvas

from .conftest import ROOT

PAGE = (ROOT / "docs/concepts.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"
CONTRAST = 4.5
"""The least between text and paper, by WCAG 2.1, 1.4.3."""


@pytest.fixture(scope="module")
def drawn() -> Mapping[str, str]:
    return pictures()


def luminance(colour: str) -> float:
    """See https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_shows_each_picture_once_and_says_what_is_in_it(drawn: Mapping[str, str]) -> None:
    shown = re.findall(r"^!\[([^\]]{40,})\]\(concepts/([\w.]+)\)$", PAGE, re.MULTILINE)
    assert [name for _, name in shown] == list(drawn)


def test_a_picture_is_drawn_within_its_paper_and_fetches_nothing(drawn: Mapping[str, str]) -> None:
    for name, svg in drawn.items():
        root = ET.fromstring(svg)
        width, height = (float(root.attrib[side]) for side in ("width", "height"))
        assert width == WIDTH
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|<script|href", svg), name
        for text in root.iter(f"{SVG}text"):
            assert 0 < float(text.attrib["x"]) < width, name
            assert 10 < float(text.attrib["y"]) < height, name


def test_every_class_and_every_colour_is_defined_in_light_and_dark(drawn: Mapping[str, str]) -> None:
    for svg in drawn.values():
        style = svg.partition("<style>")[2].partition("</style>")[0]
        for names in re.findall(r'class="([^"]+)"', svg):
            assert all(f".{name} {{" in style for name in names.split())
        light, dark = style.split("@media (prefers-color-scheme: dark)")
        for colour in set(re.findall(r"var\((--[\w-]+)\)", svg)):
            assert f"{colour}: " in light
            assert f"{colour}: " in dark


def test_text_can_be_read_in_light_and_dark(drawn: Mapping[str, str]) -> None:
    style = next(iter(drawn.values()))
    for block in style.split("@media (prefers-color-scheme: dark)"):
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block))
        for ground in ("paper", "card"):
            assert contrast(colours["ink"], colours[ground]) > CONTRAST
            assert contrast(colours["muted"], colours[ground]) > CONTRAST


def test_text_can_be_anything() -> None:
    canvas = Canvas(40, 'a "b" & <c>')
    canvas.text(1, 20, "<&>")
    root = ET.fromstring(canvas.svg())
    assert root.attrib["aria-label"] == 'a "b" & <c>'
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<&>"]
