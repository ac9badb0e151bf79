import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from qnas.core.components import Cost, Quantizer, Regularizer, Space
from qnas.core.network import Supernet, count_choices, count_space
from qnas.core.search.objective import SearchProgress, penalty
from qnas.core.search.prices import Prices
from qnas.plugins.regularizers.penalties import entropy, published_ramp

NAMES = ["entropy", "l1", "cost"]
SPACE = Space.of({"name": "basic", "channels": 6, "cells": 1})


@pytest.fixture(scope="module")
def progress():
    """A search under way: alphas away from their start, two epochs before the end."""
    lsq = Quantizer.of("lsq")
    supernet = Supernet(SPACE, 2, lsq)
    start = supernet.probabilities().detach()
    torch.nn.init.normal_(supernet.alpha, generator=torch.Generator().manual_seed(0))
    prices = Prices(count_space(SPACE, 2, lsq), torch.device("cpu"))
    return supernet, lambda rows: SearchProgress(supernet.alpha, rows, start, 7, 10, prices)


@settings(max_examples=40, derandomize=True)
@given(numbers=st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any))
def test_entropy_is_minus_sum_p_log_p_of_each_slot(numbers):
    p = torch.tensor([numbers, [1, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.float64)
    p = p / p.sum(dim=1, keepdim=True)
    expected = [-sum(x * math.log(x) for x in row if x > 0) for row in p.tolist()]
    np.testing.assert_allclose(entropy(p), expected, atol=1e-12)


def test_entropys_gradient_is_zero_at_zeros_and_minus_log_p_minus_one_elsewhere():
    p = torch.tensor([[0.0, 0.25, 0.75], [0.0, 1.0, 0.0]], requires_grad=True)
    entropy(p).sum().backward()
    assert p.grad[0].tolist() == pytest.approx([0, -math.log(0.25) - 1, -math.log(0.75) - 1])
    assert p.grad[1].tolist() == pytest.approx([0, -1, 0])


def test_entropy_through_softmax_is_lowered_by_favouring_the_leader():
    alpha = torch.tensor([[0.5, 0.0, float("-inf")]], requires_grad=True)
    entropy(alpha.softmax(dim=1)).sum().backward()
    assert alpha.grad[0, 0] < 0 < alpha.grad[0, 1]
    assert alpha.grad[0, 2] == 0


@pytest.mark.parametrize("epochs", [2, 3, 4, 5, 7, 8, 11, 20, 100])
def test_ramp_is_the_published_formula(epochs):
    q = epochs // 4
    for e in range(epochs):
        rise = 0 if e < q else math.log(e - q + 2) / math.log(epochs - q + 1)
        assert published_ramp(e, epochs) == pytest.approx(e / (epochs - 1) * rise, abs=1e-15)


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 20, 101])
def test_ramp_is_zero_in_its_first_quarter_never_falls_and_ends_at_one(epochs):
    values = [published_ramp(e, epochs) for e in range(epochs)]
    assert values[-1] == 1
    assert all(value == 0 for value in values[: epochs // 4])
    assert values == sorted(values)


def test_entropy_penalty_is_ramped_and_summed_over_slots():
    p = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    state = SimpleNamespace(choices=p, epoch=12, epochs=20)
    ramp = 12 / 19 * math.log(12 - 5 + 2) / math.log(20 - 5 + 1)
    total = math.log(2) - 0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert Regularizer.of("entropy").penalty(state).item() == pytest.approx(ramp * total)


def test_l1_is_the_sum_of_absolute_alphas():
    state = SimpleNamespace(alpha=torch.tensor([[1.5, -2.0], [0.25, 0.0]]))
    assert Regularizer.of("l1").penalty(state).item() == 3.75


@pytest.mark.parametrize("cost", ["bitops", "macs", "params"])
def test_cost_penalty_is_one_at_the_start_and_the_found_networks_share_at_one_hot(cost, progress):
    supernet, at = progress
    regularizer = Regularizer.of({"name": "cost", "cost": cost})
    state = at(supernet.probabilities())
    assert regularizer.penalty(at(state.start)).item() == pytest.approx(1)
    chosen = supernet.best()
    found = count_choices(SPACE, 2, chosen, Quantizer.of("lsq")).total(Cost.of(cost))
    mean_of_start = sum(
        Cost.of(cost).of_candidate(candidate) / len(candidates)
        for candidates in count_space(SPACE, 2, Quantizer.of("lsq")).slots.values()
        for candidate in candidates
    )
    actual = regularizer.penalty(at(supernet.one_hot(chosen))).item()
    assert actual == pytest.approx(found / mean_of_start, rel=1e-6)


def test_penalties_add_up(progress):
    supernet, at = progress
    state = at(supernet.probabilities())
    regularizers = {name: Regularizer.of({"name": name, "weight": 0.5}) for name in NAMES}
    alone = [penalty({name: regularizer}, state).item() for name, regularizer in regularizers.items()]
    assert penalty(regularizers, state).item() == pytest.approx(sum(alone), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_negative_weights_are_refused(name):
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Regularizer.of({"name": name, "weight": -1.0})
