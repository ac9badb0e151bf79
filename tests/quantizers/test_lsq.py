"""LSQ against equations 1 to 3 of Esser et al. 2020, written out number by number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from qnas.core.components import Quantizer, integer_range
from qnas.core.network import QuantizedLayers
from qnas.core.settings import Widths
from qnas.quantizers.lsq import LSQFakeQuantizer

LSQ = Quantizer.of("lsq")


def set_step(quantizer: LSQFakeQuantizer, step: float | np.ndarray) -> None:
    """The parameter is the logarithm of the step."""
    with torch.no_grad():
        quantizer.log_step.copy_(torch.as_tensor(np.log(step)).reshape(quantizer.log_step.shape))


def step_gradient_of(quantizer: LSQFakeQuantizer) -> np.ndarray:
    """The gradient of the step itself: d/ds = 1/s d/d(log s)."""
    return (quantizer.log_step.grad / quantizer.grid().step).numpy()


def oracle(x: float, step: float, q_min: int, q_max: int) -> tuple[float, float, float]:
    """Q(x), and its derivatives by x and by the step, without the gradient scale."""
    v = x / step
    if v < q_min:
        return q_min * step, 0.0, q_min
    if v > q_max:
        return q_max * step, 0.0, q_max
    return round(v) * step, 1.0, round(v) - v


@settings(max_examples=60, derandomize=True)
@given(
    bits=st.integers(2, 8),
    signed=st.booleans(),
    per_channel=st.booleans(),
    steps=st.lists(st.floats(0.05, 2.0), min_size=3, max_size=3),
    seed=st.integers(0, 2**16),
)
def test_output_and_both_gradients_are_those_of_the_paper(bits, signed, per_channel, steps, seed):
    random = np.random.default_rng(seed)
    q_min, q_max = integer_range(bits, signed)
    x = random.normal(size=(3, 2, 2, 3)) * q_max * random.uniform(0.1, 1.5)
    upstream = random.normal(size=x.shape)
    steps = np.array(steps if per_channel else steps[:1] * 3)

    value, x_gradient, step_gradient = np.zeros_like(x), np.zeros_like(x), np.zeros(3)
    for index in np.ndindex(*x.shape):
        q, by_x, by_step = oracle(x[index], steps[index[0]], q_min, q_max)
        value[index], x_gradient[index] = q, upstream[index] * by_x
        # 12 weights share a step; 12 features make up one image.
        step_gradient[index[0]] += upstream[index] * by_step / math.sqrt(q_max * 12)

    quantizer = LSQFakeQuantizer(bits, signed, 3 if per_channel else None).double()
    set_step(quantizer, steps if per_channel else steps[0])
    tensor = torch.tensor(x, requires_grad=True)
    output = quantizer(tensor)
    output.backward(torch.tensor(upstream))
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(output.detach(), value, **close)
    np.testing.assert_allclose(tensor.grad, x_gradient, **close)
    expected = step_gradient.reshape(3, 1, 1, 1) if per_channel else step_gradient.sum()
    np.testing.assert_allclose(step_gradient_of(quantizer), expected, **close)


@pytest.mark.parametrize("x", [-9.0, -3.4, -0.7, 0.3, 1.2, 2.9, 8.0])
@pytest.mark.parametrize("channels", [None, 1])
def test_step_gradient_is_the_finite_difference_between_the_jumps(x, channels):
    """Q(s) has slope round(v) there; the paper's straight-through term subtracts v where x is on the grid."""
    quantizer = LSQFakeQuantizer(4, True, channels).double()
    tensor = torch.full((1, 1, 1, 1), x, dtype=torch.float64)

    def at(step: float) -> torch.Tensor:
        set_step(quantizer, step)
        return quantizer(tensor).sum()

    at(0.83).backward()
    gradient = step_gradient_of(quantizer).item()
    slope = float((at(0.83 + 1e-6) - at(0.83 - 1e-6)).detach()) / 2e-6
    v = x / 0.83
    straight_through = -v if -8 <= v <= 7 else 0.0
    assert gradient * math.sqrt(7) == pytest.approx(slope + straight_through, abs=1e-6)


@pytest.mark.parametrize("channels", [None, 4])
def test_no_optimizer_step_makes_the_step_zero_or_negative_and_it_finds_back(channels):
    tensor = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    quantizer = LSQFakeQuantizer(8, True, channels)
    quantizer.observe(tensor)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.5)  # hundreds of times the usual rate
    for iteration in range(120):
        aim = 0 if iteration < 20 else tensor
        loss = (quantizer(tensor) - aim).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert (quantizer.grid().step > 0).all()
        assert loss.isfinite()
        if iteration == 20:
            assert loss > tensor.square().mean() / 2  # the step had all but vanished
    assert loss < tensor.square().mean() / 10


@pytest.mark.parametrize("bits", [4, 8])
def test_a_tensor_that_was_all_zero_when_observed_can_come_alive(bits):
    tensor = torch.randn(4, 16, 16, 16, generator=torch.Generator().manual_seed(0)).relu()
    quantizer = LSQFakeQuantizer(bits, False, None)
    quantizer.observe(torch.zeros_like(tensor))
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=0.01)
    for _ in range(300):
        loss = (quantizer(tensor) - tensor).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < tensor.mean() / 2


def test_the_published_start_is_that_of_the_paper():
    tensor = torch.tensor([[1.0, -3.0], [0.5, 0.0]]).view(2, 2, 1, 1)
    published = Quantizer.of({"name": "lsq", "start": "published"})
    activations = published.fake_quantizer(4, signed=False)
    activations.observe(tensor)
    assert activations.step.item() == pytest.approx(2 * (4.5 / 4) / math.sqrt(15))
    weights = published.fake_quantizer(4, signed=True, channels=2)
    weights.observe(tensor)
    expected = [2 * 2.0 / math.sqrt(7), 2 * 0.25 / math.sqrt(7)]
    assert weights.step.flatten().tolist() == pytest.approx(expected)


def test_steps_are_parameters_of_the_network_that_are_saved_and_restored():
    torch.manual_seed(0)
    convolution = QuantizedLayers(LSQ, Widths(4, 4)).conv(3, 5, 3)
    assert isinstance(convolution.get_parameter("weight_quantizer.log_step"), nn.Parameter)
    set_step(convolution.weight_quantizer, np.array([0.01, 0.02, 0.03, 0.04, 0.05]))
    other = QuantizedLayers(LSQ, Widths(4, 4)).conv(3, 5, 3)
    other.load_state_dict(convolution.state_dict())
    image = torch.rand(1, 3, 6, 6)
    assert torch.equal(other(image), convolution(image))


def test_training_moves_the_steps():
    torch.manual_seed(0)
    convolution = QuantizedLayers(LSQ, Widths(3, 3)).conv(3, 5, 3)
    before = convolution.weight_quantizer.step.detach().clone()
    optimizer = torch.optim.SGD(convolution.parameters(), lr=0.1)
    convolution(torch.rand(1, 3, 6, 6)).square().sum().backward()
    optimizer.step()
    assert (convolution.weight_quantizer.step != before).all()
