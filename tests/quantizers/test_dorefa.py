"""DoReFa against the equations of Zhou et al. 2016, written out with numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer, integer_range

DOREFA = Quantizer.of("dorefa")
SIZES = st.floats(0.01, 2.0)


def drawn_weights(seed: int, size: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 4, 3, 3)) * size


def of_channels(weights: np.ndarray) -> np.ndarray:
    return np.abs(weights).max(axis=(1, 2, 3), keepdims=True)


@settings(max_examples=60, derandomize=True)
@given(bits=st.integers(2, 8), size=SIZES, seed=st.integers(0, 2**16))
def test_weights_are_squashed_and_rounded(bits, size, seed):
    w = drawn_weights(seed, size)
    scale, largest_tanh = of_channels(w), of_channels(np.tanh(w))
    squashed = np.tanh(w) / largest_tanh
    step = 2 / (2**bits - 1)
    _, q_max = integer_range(bits, True)
    value = scale * step * np.clip(np.rint(squashed / step), -q_max, q_max)
    upstream = np.random.default_rng(seed).normal(size=w.shape)

    quantizer = DOREFA.fake_quantizer(bits, signed=True, channels=3).double().train()
    tensor = torch.tensor(w, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    np.testing.assert_allclose(output.detach(), value, rtol=1e-9, atol=1e-9)
    by_w = upstream * scale / np.cosh(w) ** 2 / largest_tanh  # both maxima constant, rounding passed straight through
    np.testing.assert_allclose(tensor.grad, by_w, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, derandomize=True)
@given(bits=st.integers(2, 8), size=SIZES, seed=st.integers(0, 2**16))
def test_weights_are_half_a_step_from_the_papers(bits, size, seed):
    """In a layer of one channel, after division by max|w|, our levels lie between the paper's."""
    w = drawn_weights(seed, size)[:1]
    squashed = np.tanh(w)
    n = 2**bits - 1
    paper = 2 * np.rint(n * (squashed / (2 * np.abs(squashed).max()) + 0.5)) / n - 1
    quantizer = DOREFA.fake_quantizer(bits, signed=True, channels=1).double().train()
    ours = quantizer(torch.tensor(w)).numpy() / of_channels(w)
    np.testing.assert_allclose(np.abs(ours - paper), 1 / n, rtol=1e-7)


@settings(max_examples=40, derandomize=True)
@given(bits=st.integers(2, 8), size=st.floats(0.1, 20.0), seed=st.integers(0, 2**16))
def test_activations_are_clipped_and_rounded_as_in_the_paper_where_the_range_is_one(bits, size, seed):
    x = np.random.default_rng(seed).normal(size=(2, 3, 4, 4))
    clipped = x.clip(0, 1)
    n = 2**bits - 1
    value = np.rint(n * clipped) / n

    quantizer = DOREFA.fake_quantizer(bits, signed=False).double().eval()
    quantizer.scale.fill_(size)
    tensor = torch.tensor(x * size, requires_grad=True)
    output = quantizer(tensor)
    output.sum().backward()
    np.testing.assert_allclose(output.detach() / size, value, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(tensor.grad, ((x >= 0) & (x <= 1)).astype(float))


def test_squashing_is_differentiated_exactly():
    quantizer = DOREFA.fake_quantizer(4, signed=True, channels=3).double()
    weights = torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    quantizer.observe(weights)
    assert torch.autograd.gradcheck(quantizer.normalise, weights.requires_grad_())


def test_every_weight_gets_a_gradient_the_largest_too():
    """It may lie beyond the end of the grid by a float's rounding error, but never by more."""
    for seed in range(20):
        weights = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        DOREFA.fake_quantizer(8, signed=True, channels=8).train()(weights).sum().backward()
        assert (weights.grad > 0).all()


def test_range_of_activations_is_a_running_mean_in_training_and_fixed_in_evaluation():
    quantizer = DOREFA.fake_quantizer(4, signed=True)
    quantizer.observe(torch.tensor([[2.0, -1.0]]))
    assert quantizer.scale == 2
    quantizer.train()(torch.tensor([[1.0, -4.0]]))
    assert float(quantizer.scale) == pytest.approx(2 + 0.1 * (4 - 2))
    quantizer.eval()(torch.tensor([[9.0]]))
    assert float(quantizer.scale) == pytest.approx(2.2)


def test_scale_of_weights_is_their_largest_in_training_and_fixed_in_evaluation():
    quantizer = DOREFA.fake_quantizer(4, signed=True, channels=2).train()
    quantizer(torch.tensor([3.0, -4.0, 1.0, 0.5]).view(2, 2, 1, 1))
    assert quantizer.scale.flatten().tolist() == [4.0, 1.0]
    quantizer.eval()(torch.full((2, 2, 1, 1), 9.0))
    assert quantizer.scale.flatten().tolist() == [4.0, 1.0]


def test_nothing_is_learned_but_the_scale_is_saved():
    for channels in (None, 4):
        quantizer = DOREFA.fake_quantizer(4, signed=True, channels=channels)
        assert not list(quantizer.parameters())
        assert list(quantizer.state_dict()) == ["scale"]
