"""A slot: a network with open places, and the candidates of one of them."""

import itertools

from qnas.core.components import Quantizer, Space
from qnas.core.drawing.curves import curve
from qnas.core.drawing.layout import Port, lay_out
from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.drawing.tracing import trace
from qnas.core.network import slot_candidates
from qnas.core.network.shapes import found_for_shapes, shapes_only
from qnas.core.network.sharing import Candidates

from .canvas import BITS, WIDTH, Canvas

_SPACE = {
    "name": "basic",
    "channels": 12,
    "cells": 1,
    "bits": list(BITS),
    "operations": {"all": ["native"], "body": ["conv3x3", "separable3x3", "growth3x3"]},
}
_OPENED = "body.0.body.chain.0"
_ROW, _LANE, _LEFT, _TOP = 32, 26, 30, 30


def slot() -> str:
    """The picture."""
    space = Space.of(_SPACE)
    candidates = slot_candidates(space, 2)
    canvas = Canvas(2 * _TOP + _ROW * (len(candidates) + 1), "A network of eight slots; one slot has nine candidates")
    y = _network(canvas, _flow(space, candidates))
    _candidates(canvas, candidates, y)
    return canvas.svg()


def _flow(space: Space, candidates: Candidates) -> SlotGraph:
    first = {path: options[0] for path, options in candidates.items()}
    with shapes_only(space, 2):
        return trace(found_for_shapes(space, 2, first, Quantizer.of("none")), candidates)


def _network(canvas: Canvas, flow: SlotGraph) -> float:
    """Draw the slots in running order, with the lines between them; returns where the opened one stands."""
    layout = lay_out([Port.IN, *flow.slots, Port.OUT], flow.essential())
    xs = [_LEFT + _LANE * row.lane for row in layout.rows]
    steps = [0 if row.item is None else _ROW for row in layout.rows]
    ys = [_TOP + below - step for below, step in zip(itertools.accumulate(steps), steps, strict=True)]
    for line in layout.lines:
        canvas.path(curve(line, xs, ys, _LEFT + _LANE * line.lane))
    names = {Port.IN: "the image", Port.OUT: "the enlarged image"}
    right = max(xs) + 20
    for row, x, y in zip(layout.rows, xs, ys, strict=True):
        if isinstance(row.item, Port):
            canvas.circle(x, y, 4, "head")
            canvas.text(right, y + 5, names[row.item], "small")
        elif isinstance(row.item, str):
            canvas.box(x - 9, y - 9, 18, 18, "found" if row.item == _OPENED else "slot", radius=4)
            canvas.text(right, y + 5, row.item, "chosen" if row.item == _OPENED else "name")
    return next(y for row, y in zip(layout.rows, ys, strict=True) if row.item == _OPENED)


def _candidates(canvas: Canvas, candidates: Candidates, y: float) -> None:
    """Draw a slot's candidates, a row for each operation."""
    operations = list(dict.fromkeys(option.operation.label for option in candidates[_OPENED]))
    left, top, width = 262, y - 46, WIDTH - 262 - 14
    canvas.path(f"M240 {y:g}H{left}", "dashed")
    canvas.box(left, top, width, 92)
    for row, operation in enumerate(operations):
        at = top + 20 + 26 * row
        canvas.text(left + 10, at + 5, operation)
        for column, bits in enumerate(BITS):
            canvas.bits(left + 128 + 27 * column, at, bits)
    canvas.text(left, top + 112, f"{len(candidates[_OPENED])} candidates: an operation", "small")
    canvas.text(left, top + 129, f"at {', '.join(map(str, BITS[:-1]))} or {BITS[-1]} bits", "small")
