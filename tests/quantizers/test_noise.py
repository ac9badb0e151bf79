"""Noise against the statistics of the mixture that it stands for.

Tolerances are 5 standard errors of the estimate; the seeds are fixed, so a test that passes keeps passing.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer
from qnas.quantizers import noise
from qnas.quantizers.noise import inner_product, noise_like

DEVIATIONS = {"half-step": 0.5, "rounding-error": 1 / math.sqrt(12)}
KURTOSIS = {"gaussian": 3.0, "uniform": 1.8}
BITS = [2, 4, 8]
every_noise = pytest.mark.parametrize(("distribution", "deviation"), [(d, c) for d in KURTOSIS for c in DEVIATIONS])


def mixture(distribution="gaussian", deviation="half-step", bits=BITS):
    quantizer = Quantizer.of({"name": "noise", "distribution": distribution, "deviation": deviation})
    return quantizer.mixture(bits, signed=True).train()


def sigma(tensor, probabilities, deviation):
    """sqrt(sum_b p_b^2 c^2 Delta_b^2), written out."""
    spread = float(tensor.max()) - float(tensor.min())
    deltas = [spread / (2**b - 1) for b in BITS]
    c = DEVIATIONS[deviation]
    return math.sqrt(sum(p**2 * c**2 * delta**2 for p, delta in zip(probabilities, deltas, strict=True)))


def check_statistics(error, expected_sigma, kurtosis):
    """Mean zero and the expected variance, each within 5 standard errors."""
    error = np.asarray(error, dtype=np.float64)
    assert abs(error.mean()) < 5 * expected_sigma / math.sqrt(error.size)
    relative = (error**2).mean() / expected_sigma**2
    assert abs(relative - 1) < 5 * math.sqrt((kurtosis - 1) / error.size)


@every_noise
@pytest.mark.parametrize("p", [[0.2, 0.5, 0.3], [0.0, 0.1, 0.9], [0.0, 1.0, 0.0]])
def test_one_draw_has_mean_and_variance_of_the_mixture(distribution, deviation, p):
    torch.manual_seed(1)
    tensor = torch.randn(4, 10, 50, 50)
    output = mixture(distribution, deviation)(tensor, torch.tensor(p))
    check_statistics(output - tensor, sigma(tensor, p, deviation), KURTOSIS[distribution])


def test_it_is_distributed_as_independently_noisy_copies_are():
    torch.manual_seed(2)
    tensor, p = torch.rand(100_000), [0.5, 0.5]
    ours = mixture("uniform", "rounding-error", bits=[2, 3])(tensor, torch.tensor(p)) - tensor
    random = np.random.default_rng(2)
    spread = float(tensor.max() - tensor.min())
    copies = [random.uniform(-0.5, 0.5, tensor.numel()) * spread / (2**b - 1) for b in (2, 3)]
    theirs = p[0] * copies[0] + p[1] * copies[1]
    assert ours.std().item() == pytest.approx(theirs.std(), rel=0.01)


def test_error_has_the_shape_of_its_distribution():
    torch.manual_seed(3)
    tensor, p = torch.rand(100_000), torch.tensor([1.0, 0.0, 0.0])
    largest = {
        name: float((mixture(name)(tensor, p) - tensor).abs().max()) / sigma(tensor, p, "half-step")
        for name in KURTOSIS
    }
    assert 1.7 < largest["uniform"] < math.sqrt(3) + 1e-5
    assert largest["gaussian"] > 4


def test_errors_of_neighbours_and_of_calls_are_uncorrelated():
    torch.manual_seed(4)
    tensor, p = torch.rand(200_000), torch.tensor([0.0, 1.0, 0.0])
    noisy = mixture()
    first, second = (noisy(tensor, p) - tensor for _ in range(2))
    limit = 5 / math.sqrt(tensor.numel())
    for a, b in [(first, second), (first[1:], first[:-1]), (first, tensor)]:
        assert abs(np.corrcoef(a, b)[0, 1]) < limit


@settings(max_examples=30, derandomize=True)
@given(
    numbers=st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any),
    distribution=st.sampled_from(sorted(KURTOSIS)),
    deviation=st.sampled_from(sorted(DEVIATIONS)),
    seed=st.integers(0, 2**16),
)
def test_gradients_are_those_of_the_draw(numbers, distribution, deviation, seed):
    """out = t + sigma eps: its derivative is 1 by t, and eps p_b c^2 Delta_b^2 / sigma by p_b."""
    torch.manual_seed(seed)
    tensor = torch.randn(2, 3, 5, 5, dtype=torch.float64).requires_grad_()
    p = (torch.tensor(numbers, dtype=torch.float64) / sum(numbers)).requires_grad_()
    upstream = torch.randn(tensor.shape, dtype=torch.float64)
    output = mixture(distribution, deviation).double()(tensor, p)
    output.backward(upstream)

    s = sigma(tensor.detach(), p.tolist(), deviation)
    eps = (output.detach() - tensor.detach()) / s
    spread = float(tensor.detach().max() - tensor.detach().min())
    for index, bits in enumerate(BITS):
        delta = spread / (2**bits - 1)
        through_sigma = float(p[index].detach()) * DEVIATIONS[deviation] ** 2 * delta**2 / s
        expected = float((upstream * eps * through_sigma).sum())
        assert float(p.grad[index]) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert torch.equal(tensor.grad, upstream)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layouts", [(torch.channels_last,) * 2, (torch.channels_last, torch.contiguous_format)])
def test_the_product_of_tensors_is_that_of_numpy_in_any_layout(dtype, layouts):
    a, b = (torch.randn(2, 3, 5, 4).to(dtype).contiguous(memory_format=layout) for layout in layouts)
    products = a.double().numpy() * b.double().numpy()
    rounding = 2.0**-8 if dtype == torch.bfloat16 else 2.0**-23
    assert inner_product(a, b).dtype == dtype
    assert float(inner_product(a, b)) == pytest.approx(products.sum(), abs=2 * rounding * np.abs(products).sum())


def test_gradients_are_finite_where_all_probabilities_are_zero():
    tensor = torch.randn(2, 3, 5, 5, requires_grad=True)
    p = torch.zeros(3, requires_grad=True)
    mixture()(tensor, p).sum().backward()
    assert p.grad.isfinite().all() and tensor.grad.isfinite().all()


def test_a_flat_tensor_gets_no_noise():
    tensor = torch.full((2, 3, 5, 5), 0.25)
    assert torch.equal(mixture()(tensor, torch.tensor([0.5, 0.25, 0.25])), tensor)


def test_evaluation_is_without_noise():
    tensor = torch.randn(2, 3, 5, 5)
    quiet = mixture().eval()
    assert torch.equal(quiet(tensor, torch.tensor([0.25, 0.5, 0.25])), tensor)
    single = Quantizer.of("noise").fake_quantizer(2, signed=True).eval()
    assert torch.equal(single(tensor), tensor)


def test_torchs_seed_decides_the_draw():
    tensor, p = torch.randn(2, 3, 5, 5), torch.tensor([0.2, 0.5, 0.3])
    noisy = mixture()
    torch.manual_seed(5)
    first, second = noisy(tensor, p), noisy(tensor, p)
    torch.manual_seed(5)
    assert torch.equal(noisy(tensor, p), first)
    assert not torch.equal(first, second)


def test_a_single_width_is_the_mixture_of_one():
    tensor = torch.randn(2, 3, 5, 5)
    torch.manual_seed(6)
    single = Quantizer.of("noise").fake_quantizer(4, signed=True).train()(tensor)
    torch.manual_seed(6)
    mixed = mixture(bits=[4])(tensor, torch.ones(1))
    assert torch.equal(single, mixed)


@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "arrange",
    [
        lambda t: t,
        lambda t: t.to(memory_format=torch.channels_last),
        lambda t: t[:, ::2],
        lambda t: t.transpose(1, 3),
        lambda t: t[:1, :1].expand(8, 8, -1, -1),
    ],
    ids=["contiguous", "channels_last", "strided", "transposed", "expanded"],
)
def test_unit_noise_in_every_layout_and_precision(distribution, dtype, arrange):
    torch.manual_seed(7)
    tensor = arrange(torch.zeros(8, 12, 40, 40, dtype=dtype))
    drawn = noise_like(tensor, distribution)
    assert drawn.shape == tensor.shape and drawn.dtype == dtype
    check_statistics(drawn.float().flatten(), 1.0, KURTOSIS[distribution])


def test_memory_layout_and_precision_of_the_tensor_are_kept():
    tensor = torch.randn(2, 6, 8, 8, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    output = mixture()(tensor, torch.tensor([0.2, 0.5, 0.3]))
    assert noise_like(tensor, "gaussian").stride() == output.stride() == tensor.stride()
    assert output.dtype == torch.bfloat16


@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_tensors_around_and_above_the_size_of_the_pool(distribution, more, monkeypatch):
    monkeypatch.setattr(noise, "_POOL_SIZE", 2**14)
    noise._pool.cache_clear()
    torch.manual_seed(8)
    tensor = torch.zeros(2**14 + more)
    drawn = noise_like(tensor, distribution)
    noise._pool.cache_clear()
    assert drawn.shape == tensor.shape
    check_statistics(drawn, 1.0, KURTOSIS[distribution])
    assert drawn.unique().numel() > 0.99 * drawn.numel()


def test_a_tensor_above_the_size_of_the_real_pool():
    torch.manual_seed(9)
    tensor = torch.zeros(4, 32, 190, 180)
    assert tensor.numel() > noise._POOL_SIZE
    check_statistics(noise_like(tensor, "gaussian").flatten(), 1.0, 3.0)


def test_noise_has_no_grid_and_may_not_train_a_found_network():
    quantizer = Quantizer.of("noise")
    assert quantizer.stages == {"search"}
    with pytest.raises(ValueError, match="no integer grid"):
        quantizer.fake_quantizer(4, signed=True).grid()
