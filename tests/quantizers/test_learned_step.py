"""What all quantizers with a learned step share; their equations are in the tests of each."""

import math

import pytest
import torch

from qnas.core.components import Quantizer
from qnas.core.engine.optimizer import adam
from qnas.quantizers.learned_step import LearnedStep

LEARNED = ["lsq", "lsq+", "pact", "ewgs", "nipq"]
every_quantizer = pytest.mark.parametrize("name", LEARNED)


@every_quantizer
@pytest.mark.parametrize("log_step", [-200.0, -95.0, 40.0])
@pytest.mark.parametrize("training", [False, True])
def test_output_and_gradients_are_finite_at_any_value_of_the_parameter(name, log_step, training):
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=True).train(training)
    with torch.no_grad():
        quantizer.log_step.fill_(log_step)
    tensor = torch.tensor([[0.0, 1.0, -2.0]], requires_grad=True)
    output = quantizer(tensor)
    output.sum().backward()
    for values in (output, tensor.grad, quantizer.log_step.grad, quantizer.grid().step):
        assert values.isfinite().all()


@every_quantizer
@pytest.mark.parametrize("bits", [4, 8])
def test_a_tensor_that_was_all_zero_when_observed_can_come_alive(name, bits):
    torch.manual_seed(0)
    tensor = torch.randn(4, 16, 16, 16).relu()
    quantizer = Quantizer.of(name).fake_quantizer(bits, signed=False)
    quantizer.observe(torch.zeros_like(tensor))
    optimizer = adam(quantizer, 0.01)
    for _ in range(300):
        loss = (quantizer(tensor) - tensor).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (quantizer.eval()(tensor) - tensor).abs().mean() < tensor.mean() / 4


@pytest.mark.parametrize("name", [name for name in LEARNED if name != "pact"])  # its gradient is blind to rounding
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("factor", [0.1, 5.0])
def test_a_step_that_is_far_off_is_learned(name, bits, signed, factor):
    torch.manual_seed(0)
    tensor = torch.randn(4, 4, 12, 12)
    tensor = tensor if signed else tensor.relu()
    quantizer = Quantizer.of(name).fake_quantizer(bits, signed=signed)
    quantizer.observe(tensor)
    with torch.no_grad():
        quantizer.log_step.add_(math.log(factor))
    optimizer = adam(quantizer, 0.03)

    def error() -> torch.Tensor:
        return (quantizer(tensor) - tensor).square().mean()

    with torch.no_grad():
        before = error()
    for _ in range(250):
        optimizer.zero_grad()
        error().backward()
        optimizer.step()
    with torch.no_grad():
        quantizer.eval()
        assert error() < before / 2


@every_quantizer
def test_what_is_learned_is_a_logarithm(name):
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=True)
    assert isinstance(quantizer, LearnedStep)
    assert torch.equal(quantizer.grid().step, quantizer.log_step.detach().exp())
