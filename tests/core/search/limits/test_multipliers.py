"""Multipliers: when they pull, which way, and how fast they move."""

import math

import pytest
import torch
from torch import Tensor

from qnas.core.network import CostTable
from qnas.core.search.limits.multipliers import Multipliers

TABLE = CostTable(1000, torch.tensor([[10.0, 100.0], [20.0, 0.0]], dtype=torch.float64), 1010, 1120)
LOSS = torch.tensor(0.5)


def probabilities(dear: float) -> Tensor:
    """Of two slots; the first has the dear candidate with this probability."""
    rows = torch.tensor([[1 - dear, dear], [0.5, 0.5]], dtype=torch.float64)
    return rows.requires_grad_()


def multipliers(limit: int, value: float = 0.0, steps: int = 10) -> Multipliers:
    made = Multipliers({"bitops": limit}, {"bitops": TABLE}, steps)
    made.values = torch.tensor([value], dtype=torch.float64)
    return made


@pytest.mark.parametrize(("dear", "pulls"), [(0.6, True), (0.4, False)])
def test_it_pulls_towards_the_cheap_only_where_the_most_probable_network_is_too_dear(dear: float, pulls: bool) -> None:
    rows = probabilities(dear)
    multipliers(1060, 0.1).penalty(LOSS, rows).backward()
    assert rows.grad is not None
    assert (rows.grad[0, 1] > rows.grad[0, 0]) == pulls
    if pulls:  # half of the loss's tenth, by a share of the cost that is not the same for all
        expected = 0.6 * 100 + 0.4 * 10 + 10
        assert rows.grad[0, 1].item() == pytest.approx(0.5 * 0.1 * 100 / expected)
    else:
        assert not rows.grad.any()


def test_it_rises_with_the_logarithm_of_cost_over_limit_and_falls_to_zero() -> None:
    above = multipliers(1060)
    above.penalty(LOSS, probabilities(0.6))
    assert above.by_name() == {"bitops": pytest.approx(0.3 * math.log(120 / 60))}
    below = multipliers(1100, 0.01)
    below.penalty(LOSS, probabilities(0.4))
    assert below.by_name() == {"bitops": 0.0}


@pytest.mark.parametrize("limit", [1000, 1001])
def test_a_limit_that_leaves_nothing_has_a_finite_gradient(limit: int) -> None:
    made, rows = multipliers(limit, 1.0), probabilities(0.9)
    made.penalty(LOSS, rows).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    assert made.by_name()["bitops"] == pytest.approx(1.3)  # at the fastest
