"""NIPQ: noise within learned bounds in training, rounding in evaluation.

Tolerances of statistics are 5 standard errors; the seeds are fixed, so a test that passes keeps passing.
"""

import math

import numpy as np
import pytest
import torch

from qnas.core.components import Quantizer, integer_range
from qnas.quantizers.nipq import add_noise_inside
from qnas.quantizers.noise import noise_like

NIPQ = Quantizer.of({"name": "nipq", "start": "largest"})
CASES = pytest.mark.parametrize(("bits", "signed"), [(b, s) for b in (2, 4, 8) for s in (False, True)])


def observed(bits, signed, tensor, factor=0.5, channels=None):
    """A quantizer that truncates at a share of the largest value."""
    quantizer = NIPQ.fake_quantizer(bits, signed=signed, channels=channels)
    quantizer.observe(tensor)
    with torch.no_grad():
        quantizer.log_step.add_(math.log(factor))
    return quantizer.train()


@CASES
def test_in_training_the_noise_is_uniform_one_step_wide_and_inside_only(bits, signed):
    torch.manual_seed(0)
    tensor = torch.randn(4, 8, 60, 60)
    quantizer = observed(bits, signed, tensor)
    step, q_min, q_max, _ = quantizer.grid()
    low, high = step * q_min, step * q_max
    noisy = quantizer(tensor).detach()
    assert (noisy[tensor <= low] == low).all()
    assert (noisy[tensor >= high] == high).all()
    inside = (tensor > low) & (tensor < high)
    error = ((noisy - tensor)[inside] / step).double().numpy()
    assert np.abs(error).max() < 0.5 + 1e-4
    assert abs(error.mean()) < 5 / math.sqrt(12 * error.size)
    variance_error = math.sqrt((1.8 - 1) / error.size) / 12
    assert abs((error**2).mean() - 1 / 12) < 5 * variance_error


@CASES
def test_in_evaluation_it_rounds(bits, signed):
    torch.manual_seed(0)
    tensor = torch.randn(2, 3, 8, 8)
    quantizer = observed(bits, signed, tensor).eval()
    step = float(quantizer.grid().step)
    q_min, q_max = integer_range(bits, signed)
    expected = step * np.clip(np.rint(tensor.numpy() / step), q_min, q_max)
    np.testing.assert_allclose(quantizer(tensor).detach(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_trained_is_differentiated_exactly(channels, signed):
    q_min, q_max = integer_range(3, signed)
    torch.manual_seed(0)
    tensor = torch.randn(3, 2, 3, 3, dtype=torch.float64) * 3
    step = torch.full((3, 1, 1, 1) if channels else (), 0.6, dtype=torch.float64)
    v = tensor / step
    assert min((v - q_min).abs().min(), (v - q_max).abs().min()) > 1e-4  # no kink near
    noise = noise_like(tensor, "uniform")
    arguments = (tensor.requires_grad_(), step.requires_grad_())
    assert torch.autograd.gradcheck(lambda t, s: add_noise_inside(t, s, q_min, q_max, noise), arguments)


@CASES
def test_gradients_are_those_of_the_draw(bits, signed):
    """dQ/dx is 1 inside, 0 outside; dQ/dD is the noise in steps inside, the end outside."""
    torch.manual_seed(0)
    tensor = torch.randn(2, 3, 6, 6, dtype=torch.float64).requires_grad_()
    quantizer = observed(bits, signed, tensor.detach()).double()
    step, q_min, q_max, _ = quantizer.grid()
    upstream = torch.randn(tensor.shape, dtype=torch.float64)
    output = quantizer(tensor)
    output.backward(upstream)
    by_step = 0.0
    for x, y, g, by_x in zip(
        *(t.detach().flatten().tolist() for t in (tensor, output, upstream, tensor.grad)), strict=True
    ):
        inside = step * q_min <= x <= step * q_max
        assert by_x == (g if inside else 0)
        by_step += g * ((y - x) / step if inside else y / step)
    assert float(quantizer.log_step.grad) == pytest.approx(float(by_step * step), rel=1e-9)


def test_zeros_of_a_relu_get_no_noise():
    torch.manual_seed(0)
    tensor = torch.randn(2, 3, 20, 20).relu()
    noisy = observed(4, False, tensor)(tensor)
    assert (noisy[tensor == 0] == 0).all()
    assert (noisy[tensor > 0] != tensor[tensor > 0]).any()


@pytest.mark.parametrize("channels", [None, 3])
def test_alpha_starts_at_the_largest_value_of_each_channel(channels):
    tensor = torch.tensor([1.0, -2.0, 0.5, 0.25, 3.0, 4.0]).view(3, 2, 1, 1)
    quantizer = observed(4, True, tensor, factor=1.0, channels=channels)
    expected = [2.0, 0.5, 4.0] if channels else [4.0]
    assert quantizer.end.flatten().tolist() == pytest.approx(expected)


def test_torchs_seed_decides_the_draw():
    tensor = torch.randn(2, 3, 5, 5)
    quantizer = observed(2, True, tensor)
    torch.manual_seed(5)
    first, second = quantizer(tensor), quantizer(tensor)
    torch.manual_seed(5)
    assert torch.equal(quantizer(tensor), first)
    assert not torch.equal(first, second)


def test_a_mixture_in_training_adds_independent_noises():
    torch.manual_seed(0)
    tensor = torch.randn(4, 8, 60, 60)
    mixture = NIPQ.mixture([2, 4], signed=True).train()
    steps = []
    for quantizer in mixture.quantizers:
        quantizer.observe(tensor)
        steps.append(float(quantizer.grid().step))
    p = [0.3, 0.7]
    error = (mixture(tensor, torch.tensor(p)) - tensor).detach()
    inside = tensor.abs() < steps[0]  # 2 bits reach from -2 to 1 steps
    expected = sum((q * s) ** 2 for q, s in zip(p, steps, strict=True)) / 12
    assert float(error[inside].square().mean()) == pytest.approx(expected, rel=0.03)


def test_it_may_search_and_train():
    assert NIPQ.stages == {"search", "train"}
