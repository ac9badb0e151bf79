"""A multiplier: how a search is led to its limit."""

import torch

from qnas.core.components import Cost, Quantizer, Space
from qnas.core.network import count_space
from qnas.core.search.limits.multipliers import Multipliers

from .canvas import BITS, Canvas, Point

_SPACE = {"name": "basic", "channels": 12, "cells": 3, "bits": list(BITS), "operations": ["native"]}
_ERRORS = (3.0, 1.0, 0.0)
"""By what 2, 4 and 8 bits of a slot raise the logarithm of the error: this stands for the images of a real search."""
_STEPS, _SHARE, _RATE = 300, 0.28, 0.03
_LEFT, _WIDTH, _HEIGHT = 24, 432, 104


def multiplier() -> str:
    """The picture."""
    costs, multipliers = _search()
    canvas = Canvas(
        2 * _HEIGHT + 140, "Over the steps of a search, the cost falls to the limit as the multiplier rises"
    )
    canvas.text(_LEFT, 32, "cost of the most probable network", "strong")
    top, dearest = 46, max(costs)
    level = top + _HEIGHT * (1 - 1 / dearest)
    canvas.curve(_points([cost / dearest for cost in costs], top), "strong-line")
    canvas.path(f"M{_LEFT} {level:.1f}H{_LEFT + _WIDTH}", "limit")
    canvas.text(_LEFT + _WIDTH, level - 8, "the limit", "small", "end")
    canvas.text(_LEFT, top + _HEIGHT + 40, "multiplier", "strong")
    below = top + _HEIGHT + 54
    canvas.curve(_points([value / max(multipliers) for value in multipliers], below), "strong-line")
    canvas.arrow(_LEFT, below + _HEIGHT + 8, _LEFT + _WIDTH)
    canvas.text(_LEFT + _WIDTH, below + _HEIGHT + 28, "steps", "small", "end")
    return canvas.svg()


def _search() -> tuple[list[float], list[float]]:
    """In each step, the cost of the most probable network as a share of the limit, and the multiplier."""
    table = count_space(Space.of(_SPACE), 2, Quantizer.of("lsq")).table(Cost.of("bitops"))
    limit = round(table.lowest + _SHARE * (table.highest - table.lowest))
    multipliers = Multipliers({"bitops": limit}, {"bitops": table}, _STEPS)
    slots = len(table.slots)
    alpha = torch.zeros(slots, len(BITS), dtype=torch.float64, requires_grad=True)
    weights = torch.linspace(0.4, 1.6, slots, dtype=torch.float64)[:, None]  # some slots matter more
    errors = weights * torch.tensor(_ERRORS, dtype=torch.float64) / slots
    optimizer = torch.optim.Adam([alpha], _RATE)
    costs, values = [], []
    for _ in range(_STEPS):
        probabilities = alpha.softmax(dim=1)
        loss = (probabilities * errors).sum().exp()
        optimizer.zero_grad()
        (loss + multipliers.penalty(loss, probabilities)).backward()
        optimizer.step()
        chosen = torch.nn.functional.one_hot(alpha.argmax(dim=1), len(BITS))
        costs.append(float(table.expected(chosen)) / limit)
        values.append(multipliers.by_name()["bitops"])
    return costs, values


def _points(shares: list[float], top: float) -> list[Point]:
    """Where shares of 0 to 1 are drawn, one for each step."""
    return [(_LEFT + _WIDTH * i / (_STEPS - 1), top + _HEIGHT * (1 - share)) for i, share in enumerate(shares)]
