"""LSQ+ against the equations of Bhalgat et al. 2020, written out number by number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer, integer_range
from qnas.core.training.optimizer import adam

SKEWED = torch.nn.functional.silu(2 * torch.randn(4, 8, 16, 16, generator=torch.Generator().manual_seed(0)))


def made(bits, signed, *, channels=None, **fields):
    return Quantizer.of({"name": "lsq+", **fields}).fake_quantizer(bits, signed=signed, channels=channels)


@settings(max_examples=60, derandomize=True)
@given(
    bits=st.integers(2, 8),
    signed=st.booleans(),
    s=st.floats(0.05, 2.0),
    offset=st.floats(-3.0, 3.0),
    seed=st.integers(0, 2**16),
)
def test_activations_and_their_gradients_are_those_of_the_paper(bits, signed, s, offset, seed):
    random = np.random.default_rng(seed)
    q_min, q_max = integer_range(bits, signed)
    x = random.normal(size=(2, 3, 2, 4)) * s * q_max + offset
    upstream = random.normal(size=x.shape)
    value, by_x, by_s, by_offset = np.zeros_like(x), np.zeros_like(x), 0.0, 0.0
    for index in np.ndindex(*x.shape):
        g, v = upstream[index], (x[index] - offset) / s
        inside = q_min <= v <= q_max
        value[index] = round(min(max(v, q_min), q_max)) * s + offset
        by_x[index] = g if inside else 0.0
        by_s += g * (round(v) - v if inside else q_min if v < q_min else q_max)
        by_offset += 0.0 if inside else g
    scale = 1 / math.sqrt(q_max * 24)  # of an image's 24 features, as in LSQ

    quantizer = made(bits, signed).double()
    width = q_max - q_min
    with torch.no_grad():
        quantizer.log_step.fill_(math.log(s))
        quantizer.relative_offset.fill_(offset / (s * width))
    tensor = torch.tensor(x, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    close = {"rtol": 1e-7, "atol": 1e-7}
    np.testing.assert_allclose(output.detach(), value, **close)
    np.testing.assert_allclose(tensor.grad, by_x, **close)
    # With o = r w s for the relative offset r and w levels: d/dr = w s d/do, d/d(log s) = s d/ds + o d/do.
    np.testing.assert_allclose(quantizer.relative_offset.grad, scale * by_offset * width * s, **close)
    np.testing.assert_allclose(quantizer.log_step.grad, scale * (by_s * s + by_offset * offset), **close)


def test_the_published_start_of_weights_is_three_deviations_from_their_mean():
    weights = torch.tensor([[1.0, 3.0, 2.0, 2.0], [-4.0, 0.0, 0.0, 0.0]]).view(2, 1, 2, 2)
    quantizer = made(4, True, channels=2, weight_start="published")
    quantizer.observe(weights)
    expected = [(2 + 3 * math.sqrt(0.5)) / 8, (1 + 3 * math.sqrt(3)) / 8]
    assert quantizer.grid().step.flatten().tolist() == pytest.approx(expected)
    assert quantizer.grid().offset == 0
    assert [name for name, _ in quantizer.named_parameters()] == ["log_step"]


@pytest.mark.parametrize("signed", [False, True])
def test_min_max_spans_what_is_observed(signed):
    quantizer = made(4, signed, start="min-max")
    quantizer.observe(SKEWED)
    step, q_min, q_max, offset = quantizer.grid()
    assert float(step * q_min + offset) == pytest.approx(float(SKEWED.min()), abs=1e-5)
    assert float(step * q_max + offset) == pytest.approx(float(SKEWED.max()), abs=1e-5)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_error_at_the_start_is_below_that_of_min_max_and_of_a_grid_without_offset(bits):
    errors = {}
    for name, quantizer in {
        "least": made(bits, True),
        "min-max": made(bits, True, start="min-max"),
        "whole": made(bits, True, offset="whole-steps"),
        "lsq": Quantizer.of("lsq").fake_quantizer(bits, signed=True),
    }.items():
        quantizer.observe(SKEWED)
        errors[name] = float((quantizer(SKEWED) - SKEWED).detach().square().mean())
    assert errors["least"] < min(errors["min-max"], errors["lsq"])
    assert errors["least"] <= errors["whole"] < errors["lsq"]


def test_signed_and_unsigned_grids_fit_alike():
    """The offset makes up for where the integers begin."""
    values = []
    for signed in (False, True):
        quantizer = made(4, signed)
        quantizer.observe(SKEWED)
        values.append(quantizer(SKEWED))
    torch.testing.assert_close(values[0], values[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("tensor", [SKEWED, SKEWED + 9, SKEWED - 9], ids=["skewed", "positive", "negative"])
def test_whole_steps_keep_zero_on_the_grid(signed, tensor):
    quantizer = made(4, signed, offset="whole-steps")
    quantizer.observe(tensor)
    optimizer = adam(quantizer, 0.05)
    for _ in range(20):
        assert torch.equal(quantizer(torch.zeros(1, 3)), torch.zeros(1, 3))
        step, q_min, q_max, offset = quantizer.grid()
        zero_point = float(-offset / step)
        assert zero_point == pytest.approx(round(zero_point), abs=1e-5)
        assert q_min <= round(zero_point) <= q_max
        optimizer.zero_grad()
        (quantizer(tensor) - tensor - 1).abs().mean().backward()
        optimizer.step()
    assert (quantizer(tensor) - tensor).abs().mean() < 3 * quantizer.grid().step


@pytest.mark.parametrize("offset", ["any", "whole-steps"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_an_offset_that_is_far_off_is_learned(offset, bits):
    quantizer = made(bits, True, offset=offset)
    quantizer.observe(SKEWED)
    with torch.no_grad():
        quantizer.relative_offset.add_(-0.5)
    optimizer = adam(quantizer, 0.02)

    def error():
        return (quantizer(SKEWED) - SKEWED).square().mean()

    with torch.no_grad():
        before = error()
    for _ in range(150):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    assert error().detach() < before / 3


def test_a_constant_tells_the_offset_only():
    quantizer = made(4, False)
    step = quantizer.grid().step.clone()
    quantizer.observe(torch.full((1, 2, 3, 3), -0.7))
    assert torch.equal(quantizer.grid().step, step)
    assert quantizer(torch.full((1, 4), -0.7)).flatten().tolist() == pytest.approx([-0.7] * 4)


def test_step_and_offset_are_saved():
    assert set(made(4, True).state_dict()) == {"log_step", "relative_offset"}
