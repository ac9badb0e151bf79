"""EWGS against the equations of Lee et al. 2021, written out number by number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer, integer_range


@settings(max_examples=60, derandomize=True)
@given(
    bits=st.integers(2, 8),
    signed=st.booleans(),
    upper=st.lists(st.floats(0.1, 5.0), min_size=3, max_size=3),
    delta=st.sampled_from([0.0, 1e-3, 0.5]),
    per_channel=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_output_and_gradients_are_those_of_the_paper(bits, signed, upper, delta, per_channel, seed):
    random = np.random.default_rng(seed)
    q_min, q_max = integer_range(bits, signed)
    upper = upper if per_channel else upper[:1] * 3
    x = random.normal(size=(3, 2, 2, 3)) * max(upper)
    upstream = random.normal(size=x.shape)
    value, by_x, by_log_upper = np.zeros_like(x), np.zeros_like(x), np.zeros(3)
    for index in np.ndindex(*x.shape):
        g, u = upstream[index], upper[index[0]]
        lower = u * q_min / q_max
        width = u - lower
        x_n = min(max((x[index] - lower) / width, 0), 1)
        x_q = round((2**bits - 1) * x_n) / (2**bits - 1)
        value[index] = lower + width * x_q
        g_q = g * width
        g_n = g_q * (1 + delta * math.copysign(1, g_q) * (x_n - x_q))
        by_log_upper[index[0]] += g * value[index]  # the interval that x_q is mapped back to is u times a constant
        if lower <= x[index] <= u:
            by_x[index] = g_n / width
            by_log_upper[index[0]] -= g_n * x[index] / width  # and x_n = x / width + a constant

    made = Quantizer.of({"name": "ewgs", "delta": delta})
    quantizer = made.fake_quantizer(bits, signed=signed, channels=3 if per_channel else None).double()
    with torch.no_grad():
        steps = torch.tensor(upper if per_channel else upper[0], dtype=torch.float64) / q_max
        quantizer.log_step.copy_(steps.log().view(quantizer.log_step.shape))
    tensor = torch.tensor(x, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    np.testing.assert_allclose(output.detach(), value, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(tensor.grad, by_x, rtol=1e-9, atol=1e-9)
    expected = by_log_upper.reshape(3, 1, 1, 1) if per_channel else by_log_upper.sum()
    np.testing.assert_allclose(quantizer.log_step.grad, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("x", "towards"), [(0.4, 1), (-0.4, -1)])
def test_a_value_moves_more_where_the_next_level_is_farther(x, towards):
    """Rounded to 0, it has 0.1 to go to the level on its own side and 0.9 to that on the other."""
    quantizer = Quantizer.of({"name": "ewgs", "delta": 0.5}).fake_quantizer(4, signed=True)
    with torch.no_grad():
        quantizer.log_step.zero_()
    moved = {}
    for direction in (-1, 1):
        tensor = torch.tensor([[x]], requires_grad=True)
        (-direction * quantizer(tensor)).sum().backward()
        moved[direction] = abs(tensor.grad.item())
    assert moved[towards] < 1 < moved[-towards]


@pytest.mark.parametrize("bits", [2, 8])
def test_the_published_interval_starts_at_three_standard_deviations(bits):
    tensor = torch.randn(4, 8, 50, 50, generator=torch.Generator().manual_seed(0)) * 0.3
    for signed, observed in [(True, tensor), (False, tensor.relu())]:
        quantizer = Quantizer.of({"name": "ewgs", "start": "published"}).fake_quantizer(bits, signed=signed)
        quantizer.observe(observed)
        step, q_min, q_max, _ = quantizer.grid()
        width = float(step) * (q_max - q_min)
        assert width == pytest.approx(0.3 * 3 * (2 if signed else 1), rel=0.02)


def test_delta_zero_is_lsq_with_another_start():
    torch.manual_seed(0)
    gradients = []
    for name in ({"name": "ewgs", "delta": 0}, "lsq"):
        tensor = torch.linspace(-3, 3, 50)[None].requires_grad_()
        quantizer = Quantizer.of(name).fake_quantizer(3, signed=True)
        with torch.no_grad():
            quantizer.log_step.fill_(-0.3)
        output = quantizer(tensor)
        output.square().sum().backward()
        gradients.append((output.detach(), tensor.grad))
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.equal(ours, theirs)
