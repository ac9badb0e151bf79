"""A limit: the networks of a small space over what they cost, and the one that is chosen."""

import itertools

import torch

from qnas.core.components import Cost, Quantizer, Space
from qnas.core.drawing.wording import quantity
from qnas.core.network import count_space, one_hot, slot_candidates
from qnas.core.search.limits.allowed import AllowedNetworks

from .canvas import BITS, Canvas, Point

_SPACE = {"name": "espcn", "bits": list(BITS)}
_SCORES = ((0.1, 0.9, 1.4), (0.0, 1.2, 1.9), (0.3, 1.0, 1.8), (0.2, 1.1, 1.7), (0.1, 0.8, 1.5))
"""Of each slot's candidates, the logarithms of their probabilities but for a constant."""
_SHARE = 0.28
"""Of what the dearest network costs beyond the cheapest."""
_LEFT, _TOP, _WIDTH, _HEIGHT = 34, 50, 412, 190


def limit() -> str:
    """The picture."""
    space, quantizer, cost = Space.of(_SPACE), Quantizer.of("lsq"), Cost.of("bitops")
    candidates = slot_candidates(space, 2)
    scores = torch.tensor(_SCORES[: len(candidates)], dtype=torch.float64).log_softmax(dim=1)
    table = count_space(space, 2, quantizer).table(cost)
    most = round(table.lowest + _SHARE * (table.highest - table.lowest))
    found = AllowedNetworks.of(space, 2, quantizer, {"bitops": cost}, {"bitops": most}).best(scores)
    span = float(scores.max(dim=1).values.sum() - scores.min(dim=1).values.sum())

    def place(rows: torch.Tensor) -> Point:
        """Where the network of these probabilities is drawn."""
        x = (float(table.expected(rows)) - table.lowest) / (table.highest - table.lowest)
        y = float((rows * (scores - scores.max(dim=1, keepdim=True).values)).sum()) / span
        return _LEFT + _WIDTH * x, _TOP - _HEIGHT * y

    every = [
        place(one_hot(candidates, dict(zip(candidates, chosen, strict=True))))
        for chosen in itertools.product(*candidates.values())
    ]
    canvas = Canvas(_TOP + _HEIGHT + 66, "Networks over their cost: the best of those left of the limit is taken")
    edge = _LEFT + _WIDTH * _SHARE
    canvas.box(edge, 34, _LEFT + _WIDTH - edge + 14, _TOP + _HEIGHT - 22, "beyond", radius=0)
    canvas.dots([point for point in every if point[0] <= edge], "large-dots")
    canvas.dots([point for point in every if point[0] > edge], "large-dots faint")
    canvas.path(f"M{edge:.1f} 34V{_TOP + _HEIGHT + 12}", "limit")
    canvas.text(edge + 8, _TOP + _HEIGHT + 12, f"the limit, {quantity(most, cost.unit)}", "small")
    x, y = place(one_hot(candidates, found))
    canvas.circle(x, y, 7, "found")
    canvas.text(x - 12, y - 12, "found", "strong", "end")
    best = max(every, key=lambda point: -point[1])
    canvas.circle(*best, 8, "ring")
    canvas.text(best[0] - 16, best[1] + 5, "most probable, but too dear", "small", "end")
    canvas.arrow(_LEFT, _TOP + _HEIGHT + 30, _LEFT + _WIDTH)
    canvas.text(_LEFT, _TOP + _HEIGHT + 50, "cost", "small")
    canvas.text(_LEFT - 14, 26, "↑ probability", "small")
    return canvas.svg()
