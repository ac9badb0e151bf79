"""TQT against the paper's equations, written out number by number."""

import math

import numpy as np
import pytest
import torch

from qnas_ghost.tqt import TrainedThreshold


def oracle(x: float, log2_t: float, bits: int, signed: bool) -> tuple[float, float, float]:
    """q(x), and its derivatives by x and by log2 t."""
    n, p = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    step = 2 ** math.ceil(log2_t) / 2 ** (bits - 1 if signed else bits)
    rounded = round(x / step)  # Python's round too gives halves to the even integer
    if n <= rounded <= p:
        return rounded * step, 1.0, step * math.log(2) * (rounded - x / step)
    end = n if rounded < n else p
    return end * step, 0.0, step * math.log(2) * end


def make(bits: int, signed: bool, log2_t: float | np.ndarray) -> TrainedThreshold:
    """A quantizer in double precision with one threshold, or with one for each output channel."""
    quantizer = TrainedThreshold(bits, signed, np.size(log2_t) if np.ndim(log2_t) else None).double()
    with torch.no_grad():
        quantizer.log2_threshold.copy_(torch.tensor(log2_t).view(quantizer.log2_threshold.shape))
    return quantizer


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_output_and_both_gradients_are_those_of_the_paper(
    seed: int, bits: int, signed: bool, per_channel: bool
) -> None:
    random = np.random.default_rng(seed)
    x, upstream = random.normal(scale=2, size=(2, 3, 2, 3, 3))
    thresholds = random.uniform(-2, 2, size=3) if per_channel else np.full(3, random.uniform(-2, 2))

    value, by_x, by_threshold = np.zeros_like(x), np.zeros_like(x), np.zeros(3)
    for index in np.ndindex(*x.shape):
        value[index], slope, by_log2_t = oracle(x[index].item(), thresholds[index[0]].item(), bits, signed)
        by_x[index] = upstream[index] * slope
        by_threshold[index[0]] += upstream[index] * by_log2_t

    quantizer = make(bits, signed, thresholds if per_channel else thresholds[0])
    tensor = torch.tensor(x, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    np.testing.assert_allclose(output.detach(), value)
    assert tensor.grad is not None
    assert quantizer.log2_threshold.grad is not None
    np.testing.assert_allclose(tensor.grad, by_x)
    expected = by_threshold.reshape(3, 1, 1, 1) if per_channel else by_threshold.sum()
    np.testing.assert_allclose(quantizer.log2_threshold.grad, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("log2_t", [-20.0, -3.2, 0.0, 1e-6, 2.7, 20.0])
@pytest.mark.parametrize(("signed", "per_unit"), [(True, 3), (False, 4)])
def test_the_step_is_a_power_of_two_and_the_grid_covers_the_threshold(
    log2_t: float, signed: bool, per_unit: int
) -> None:
    step, q_min, q_max, offset = make(4, signed, log2_t).grid()
    assert step.item() == 2.0 ** (math.ceil(log2_t) - per_unit)
    assert (q_min, q_max, offset) == ((-8, 7, 0.0) if signed else (0, 15, 0.0))
    assert 2**log2_t <= step.item() * (q_max + 1) < 2 * 2**log2_t * (1 + 1e-9)


def test_in_single_precision_too_the_step_is_exact() -> None:
    exponents = np.arange(-100.0, 101.0)
    steps = make(8, True, exponents).float().step.flatten()
    assert steps.tolist() == [2.0 ** (e - 7) for e in exponents]


@pytest.mark.parametrize("bits", [4, 8])
def test_bfloat16_is_put_on_the_same_grid_and_learns_as_much(bits: int) -> None:
    """Division by a power of two is exact in any precision."""
    values = torch.randn(4, 8, 16, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    outputs, gradients = [], []
    for tensor in (values, values.float()):
        quantizer = TrainedThreshold(bits, True, None)
        output = quantizer(tensor)
        assert output.dtype == tensor.dtype
        output.square().sum().backward()
        outputs.append(output.float())
        gradients.append(quantizer.log2_threshold.grad)
    assert torch.equal(*outputs)
    assert gradients[0] is not None
    assert gradients[0].dtype == torch.float32
    torch.testing.assert_close(*gradients, rtol=0.02, atol=0)


def test_it_starts_at_three_deviations_or_at_the_largest_value() -> None:
    activations = TrainedThreshold(4, False, None)
    activations.observe(torch.tensor([0.0, 0.0, 0.0, *[1.0] * 15, 7.0]).view(1, 1, 1, -1))
    assert activations.log2_threshold.item() == pytest.approx(math.log2(3 * math.sqrt((15 + 49) / 16)))
    weights = TrainedThreshold(4, True, 3)
    weights.observe(torch.tensor([[0.5, -2.0], [1.0, 1.0], [0.0, 0.0]]).view(3, 2, 1, 1))
    expected = [math.log2(2.0), math.log2(1.0), math.log2(3.0)]  # zeros leave a threshold as it was
    assert weights.log2_threshold.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("start", [-5.0, 5.0])
def test_adam_finds_the_threshold(start: float, signed: bool) -> None:
    """From 32 times too small or large to the best power of two, or the one beside it."""
    x = torch.randn(4096, generator=torch.Generator().manual_seed(0)).double()
    x = x if signed else x.relu()
    errors = {t: (make(4, signed, float(t))(x) - x).square().mean().item() for t in range(-6, 7)}
    best = min(errors, key=lambda t: errors[t])

    quantizer = make(4, signed, best + start)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (quantizer(x) - x).square().mean().backward()
        optimizer.step()
    assert abs(math.ceil(quantizer.log2_threshold.item()) - best) <= 1
