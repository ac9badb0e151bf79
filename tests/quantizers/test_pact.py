"""PACT against equations 1 to 3 of Choi et al. 2018, written out number by number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from qnas.core.components import Quantizer
from qnas.core.training.optimizer import adam
from qnas.quantizers.dorefa import DoReFaWeights
from qnas.quantizers.pact import PACTActivations


def made(bits: int, signed: bool, alpha: float, decay: float = 0.0) -> PACTActivations:
    quantizer = Quantizer.of({"name": "pact", "decay": decay}).fake_quantizer(bits, signed=signed).double()
    with torch.no_grad():
        quantizer.log_step.add_(math.log(alpha) - quantizer.end.log())
    return quantizer


@settings(max_examples=60, derandomize=True)
@given(
    bits=st.integers(2, 8),
    alpha=st.floats(0.1, 5.0),
    decay=st.floats(0, 0.1),
    seed=st.integers(0, 2**16),
)
def test_after_a_relu_output_and_gradients_are_those_of_the_paper(bits, alpha, decay, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(2, 3, 2, 4)) * 2 * alpha
    upstream = random.normal(size=x.shape)
    y = 0.5 * (np.abs(x) - np.abs(x - alpha) + alpha)
    value = np.rint(y * (2**bits - 1) / alpha) * alpha / (2**bits - 1)
    by_alpha = (upstream * (x >= alpha)).sum() + 2 * decay * alpha

    quantizer = made(bits, False, alpha, decay)
    tensor = torch.tensor(x, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    np.testing.assert_allclose(output.detach(), value, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(tensor.grad, upstream * ((x > 0) & (x < alpha)), rtol=1e-9, atol=1e-9)
    # The parameter is the logarithm of alpha, up to a constant: d/d(log alpha) = alpha d/d(alpha).
    np.testing.assert_allclose(quantizer.log_step.grad, alpha * by_alpha, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_signed_values_are_clipped_on_both_sides_a_half_step_apart_from_alpha(bits):
    alpha = 1.5
    step = 2 * alpha / (2**bits - 1)
    quantizer = made(bits, True, alpha)
    tensor = torch.tensor([[-9.0, 9.0]], dtype=torch.float64)
    low, high = quantizer(tensor)[0].tolist()
    assert (low, high) == pytest.approx((-alpha - step / 2, alpha - step / 2))
    quantizer(tensor).backward(torch.tensor([[3.0, 5.0]], dtype=torch.float64))
    assert float(quantizer.log_step.grad) == pytest.approx(3.0 * low + 5.0 * high)


def test_alpha_can_start_at_the_largest_value_observed():
    tensor = torch.tensor([[0.5, 3.25, 0.0]])
    for signed in (False, True):
        quantizer = Quantizer.of({"name": "pact", "start": "largest"}).fake_quantizer(4, signed=signed)
        quantizer.observe(-tensor if signed else tensor)
        assert quantizer.end.item() == pytest.approx(3.25)


def test_the_decay_pulls_alpha_down_until_clipping_costs_more():
    torch.manual_seed(0)
    tensor = torch.rand(4, 4, 8, 8)
    ends = {}
    for decay in (0.0, 0.01, 0.1):
        quantizer = made(8, False, 4.0, decay).float()
        optimizer = adam(quantizer, 0.02)
        for _ in range(300):
            optimizer.zero_grad()
            (quantizer(tensor) - tensor).square().mean().backward()
            optimizer.step()
        ends[decay] = quantizer.end.item()
    assert ends[0.0] == pytest.approx(4.0)  # nothing is clipped, so nothing else moves it
    assert 0.1 < ends[0.1] < ends[0.01] < 1.0


def test_decay_is_not_negative():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Quantizer.of({"name": "pact", "decay": -1})


def test_weights_are_those_of_dorefa():
    weights = torch.randn(3, 2, 3, 3)
    ours, theirs = (Quantizer.of(name).fake_quantizer(4, signed=True, channels=3) for name in ("pact", "dorefa"))
    assert isinstance(ours, DoReFaWeights)
    assert torch.equal(ours(weights), theirs(weights))
