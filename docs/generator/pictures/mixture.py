"""A mixture: what a slot computes while it holds all its candidates."""

import torch

from qnas.core.components import Operation
from qnas.core.drawing.wording import TIMES
from qnas.core.network.candidate import grid
from qnas.core.settings import Widths

from .canvas import WIDTH, Canvas

_WIDTHS = (2, 4, 8)
_OPERATIONS = ("conv3x3", "separable3x3")
_ALPHA = (("at the start", 0.0), ("later", 1.0), ("at the end", 5.0))
"""When, and what the direction of alpha is times by then."""
_DIRECTION = torch.tensor([-0.4, 1.3, 0.7, -0.6, 0.5, 0.1], dtype=torch.float64)
_TOP, _ROW, _LEFT, _COLUMN, _BAR = 60, 28, 164, 102, 56


def mixture() -> str:
    """The picture."""
    candidates = grid([Operation.of(name) for name in _OPERATIONS], [Widths(bits, bits) for bits in _WIDTHS])
    canvas = Canvas(
        _TOP + _ROW * len(candidates) + 62,
        "The probabilities of a slot's six candidates: equal at the start, one near 1 at the end",
    )
    canvas.box(12, 12, WIDTH - 24, _TOP + _ROW * len(candidates) - 4)
    for row, candidate in enumerate(candidates):
        canvas.text(24, _TOP + _ROW * row + 13, candidate.label, "name")
    for column, (when, times) in enumerate(_ALPHA):
        left = _LEFT + _COLUMN * column
        canvas.text(left, 40, when, "chosen")
        for row, share in enumerate((times * _DIRECTION).softmax(0).tolist()):
            top = _TOP + _ROW * row
            canvas.bar(left, top, max(_BAR * share, 1.5), 16, _WIDTHS[row % len(_WIDTHS)])
            canvas.text(left + _BAR * share + 6, top + 13, f"{share:.2f}", "small")
    bottom = _TOP + _ROW * len(candidates) + 34
    canvas.text(WIDTH / 2, bottom, f"output = the sum of probability {TIMES} candidate(input)", anchor="middle")
    return canvas.svg()
