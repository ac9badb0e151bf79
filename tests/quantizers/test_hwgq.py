import math

import numpy as np
import pytest
import torch

from qnas.core.components import Quantizer, Space, integer_range
from qnas.core.network import count_space
from qnas.quantizers.hwgq import optimal_step

HWGQ = Quantizer.of("hwgq")
WIDTHS = [2, 3, 4, 5, 6, 7, 8, 16]


def mean_squared_error(step: float, bits: int, signed: bool) -> float:
    """E[(x - Q(x))^2] of a (half-)normal x, by summing the density over small bins."""
    q_min, q_max = integer_range(bits, signed)
    bins = 2_000_000 if bits > 8 else 100_000
    x, width = np.linspace(-9 if signed else 0, 9, bins, endpoint=False, retstep=True)
    x += width / 2
    density = np.exp(-(x**2) / 2)
    quantized = step * np.clip(np.rint(x / step), q_min, q_max)
    return float((density * (x - quantized) ** 2).sum() / density.sum())


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("signed", [False, True])
def test_step_minimises_the_squared_error(bits, signed):
    step = optimal_step(bits, signed)
    least = mean_squared_error(step, bits, signed)
    near = [mean_squared_error(step * factor, bits, signed) for factor in (0.97, 1.03)]
    assert least < min(near)
    if bits <= 8:  # a coarse scan: it is not only a local minimum
        everywhere = np.geomspace(step / 20, step * 20, 150)
        assert least <= min(mean_squared_error(other, bits, signed) for other in everywhere)


@pytest.mark.parametrize("bits", WIDTHS[:-1])  # a sample is too small for the rare values beyond 16 bits' range
@pytest.mark.parametrize(("signed", "channels"), [(False, None), (True, None), (True, 4)])
def test_every_width_has_the_error_of_its_best_step(bits, signed, channels):
    tensor = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 3
    tensor = tensor if signed else tensor.abs()
    quantizer = HWGQ.fake_quantizer(bits, signed=signed, channels=channels)
    quantizer.observe(tensor)
    errors = (quantizer(tensor) - tensor).double().square()
    expected = 9 * mean_squared_error(optimal_step(bits, signed), bits, signed)
    assert abs(errors.mean() - expected) < 5 * errors.std() / math.sqrt(errors.numel())


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_unless_it_is_measured_the_scale_of_activations_is_one(bits):
    tensor = torch.randn(2, 8, 16, 16).relu() * 5
    fixed = Quantizer.of({"name": "hwgq", "measured": False})
    activations, weights = fixed.fake_quantizer(bits, signed=False), fixed.fake_quantizer(bits, signed=True, channels=2)
    for quantizer in (activations, weights):
        quantizer.observe(tensor)
        quantizer.train()(tensor)
    assert float(activations.grid().step) == pytest.approx(optimal_step(bits, False))
    assert (weights.grid().step > 1.5 * optimal_step(bits, True)).all()  # their deviation is 5 / sqrt(2)


def test_step_follows_the_deviation_of_half_normal_activations():
    tensor = torch.randn(2, 8, 64, 64, generator=torch.Generator().manual_seed(0)).relu() * 5
    quantizer = HWGQ.fake_quantizer(3, signed=False)
    quantizer.observe(tensor)
    assert float(quantizer.grid().step) == pytest.approx(5 * optimal_step(3, False), rel=0.02)
    errors = {}
    for factor in (0.9, 1.0, 1.1):
        other = HWGQ.fake_quantizer(3, signed=False).eval()
        other.scale.copy_(quantizer.scale * factor)
        errors[factor] = float((other(tensor) - tensor).square().mean())
    assert min(errors, key=errors.get) == 1.0


def test_scale_of_activations_is_a_running_mean_in_training_and_fixed_in_evaluation():
    quantizer = HWGQ.fake_quantizer(4, signed=True)
    quantizer.observe(torch.full((1, 1, 2, 2), 2.0))
    quantizer.train()(torch.full((1, 1, 2, 2), -4.0))
    assert float(quantizer.scale) == pytest.approx(2 + 0.1 * (4 - 2))
    quantizer.eval()(torch.full((1, 1, 2, 2), 9.0))
    assert float(quantizer.scale) == pytest.approx(2.2)


def test_scale_of_weights_is_their_own_root_mean_square():
    quantizer = HWGQ.fake_quantizer(4, signed=True, channels=2).train()
    quantizer(torch.tensor([3.0, -4.0, 1.0, 1.0]).view(2, 2, 1, 1))
    assert quantizer.scale.flatten().tolist() == pytest.approx([math.sqrt(12.5), 1.0])


def test_nothing_is_learned_but_the_scale_is_saved():
    quantizer = HWGQ.fake_quantizer(4, signed=True)
    assert not list(quantizer.parameters())
    assert list(quantizer.state_dict()) == ["scale"]


def test_a_space_quantized_by_hwgq_can_be_counted():
    optimal_step.cache_clear()  # as in a fresh process
    count = count_space(Space.of({"name": "basic", "channels": 6, "cells": 1}), 2, HWGQ)
    assert {c.weight_bits for candidates in count.slots.values() for part in candidates for c in part.convolutions} == {
        4,
        8,
    }
