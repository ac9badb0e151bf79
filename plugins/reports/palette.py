"""Colours, each in a light and a dark variant, so that the page and its charts follow the reader's setting."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from qnas.core.settings import FLOAT_BITS

# Few bits are light and warm, many are dark and violet. Each line: log2(bits), on light paper, on dark paper.
_RAMP = (
    (1.0, (245, 190, 65), (255, 209, 102)),
    (2.0, (228, 112, 62), (247, 129, 84)),
    (3.0, (124, 48, 122), (190, 106, 200)),
    (4.0, (58, 38, 118), (134, 124, 232)),
)
_FLOAT = ("#5c6470", "#a4abb8")


class BitsColour(NamedTuple):
    """The colour of a bit-width, as CSS."""

    bits: int
    light: str
    dark: str


def bits_colours(widths: Iterable[int]) -> list[BitsColour]:
    """A colour for each width, the fewest bits first."""
    return [BitsColour(bits, *_colours(bits)) for bits in sorted(set(widths))]


def bits_variable(bits: int | None) -> str:
    """The CSS value for the colour of a width; None is for a slot without widths."""
    return "var(--no-bits)" if bits is None else f"var(--bits-{int(bits)})"


def _colours(bits: int) -> tuple[str, str]:
    if bits >= FLOAT_BITS or bits < 1:
        return _FLOAT
    position = math.log2(bits)
    stops = [stop for stop, _, _ in _RAMP]
    variants = zip(*((light, dark) for _, light, dark in _RAMP), strict=True)
    light, dark = (_mix(position, stops, colours) for colours in variants)
    return light, dark


def _mix(position: float, stops: list[float], colours: Iterable[tuple[int, int, int]]) -> str:
    channels = zip(*colours, strict=True)
    return "#" + "".join(f"{round(float(np.interp(position, stops, c))):02x}" for c in channels)
