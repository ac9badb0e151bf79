"""Noise against rounding: what both make of the values from -1 to 1."""

from collections.abc import Callable

import torch
from torch import Tensor

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.core.network.probing.seeds import seed_everything

from .canvas import Canvas

_BITS, _SIDE, _TOP = 3, 200, 56
_SEED = 1


def noise() -> str:
    """The picture."""
    what = "Left, a staircase: rounding to 3 bits. Right, a cloud along a line: noise of 3 bits"
    canvas = Canvas(_TOP + _SIDE + 62, what)
    values = torch.linspace(-1, 1, 241, dtype=torch.float64)
    rounding, noisy = (Quantizer.of(name).fake_quantizer(_BITS, signed=True).double() for name in ("lsq", "noise"))
    rounding.observe(values)
    seed_everything(_SEED)
    _panel(canvas, 24, "rounding", values, rounding, canvas.curve)
    _panel(canvas, 256, "noise", values, noisy.train(), canvas.dots)
    below = _TOP + _SIDE + 46
    canvas.text(24, below, "the same each time, no slope", "small")
    canvas.text(256, below, "drawn anew, slope 1", "small")
    return canvas.svg()


def _panel(
    canvas: Canvas, left: int, title: str, values: Tensor, quantizer: FakeQuantizer, draw: Callable[..., None]
) -> None:
    with torch.no_grad():
        made = quantizer(values)
    canvas.text(left, 36, f"{title}, {_BITS} bits", "strong")
    canvas.box(left, _TOP, _SIDE, _SIDE)
    middle, scale = _TOP + _SIDE / 2, _SIDE / 2.8
    centre = left + _SIDE / 2
    pairs = zip(values.tolist(), made.tolist(), strict=True)
    points = [(centre + scale * x, middle - scale * y) for x, y in pairs]
    canvas.curve([(centre + scale * x, middle - scale * x) for x in (-1, 1)], "dashed faint")
    draw(points, "strong-line" if title == "rounding" else "dots")
    canvas.text(left, _TOP + _SIDE + 22, "value in", "small")
    canvas.text(left + 10, _TOP + 22, "value out", "small")
