"""What all quantizers with a learned step share; the equations of each are in its own tests."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Quantizer
from qnas.core.network import QuantizedLayers
from qnas.core.settings import Widths
from qnas.core.training.optimizer import adam
from qnas.quantizers.bases.learned_step import LearnedStep
from qnas.testing.grid import check_grids

OWN_STARTS = {
    "lsq": {"start": "published"},
    "lsq+": {"weight_start": "published"},
    "pact": {"start": "largest"},
    "ewgs": {"start": "published"},
    "nipq": {"start": "largest"},
}
LEARNED = list(OWN_STARTS)
every_quantizer = pytest.mark.parametrize("name", LEARNED)


def own_start(name: str) -> Quantizer:
    return Quantizer.of({"name": name, **OWN_STARTS[name]})


def least_error(name: str) -> Quantizer:
    return Quantizer.of({"name": name, **dict.fromkeys(OWN_STARTS[name], "least-error")})


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


@pytest.mark.parametrize("name", [name for name in LEARNED if name != "pact"])  # its gradient ignores rounding
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


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    name=st.sampled_from(LEARNED),
    bits=st.sampled_from([2, 3, 4, 8, 16]),
    channels=st.sampled_from([None, 4]),
    signed=st.booleans(),
    heavy=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_the_start_of_least_error_has_no_more_than_its_own(name, bits, channels, signed, heavy, seed):
    random = np.random.default_rng(seed)
    tensor = torch.tensor(random.standard_t(3, (4, 8, 9, 9)) if heavy else random.normal(size=(4, 8, 9, 9)))
    signed = signed or channels is not None
    tensor = tensor if signed else tensor.relu()
    errors = []
    for quantizer in (least_error(name), own_start(name)):
        made = quantizer.fake_quantizer(bits, signed=signed, channels=channels).double().eval()
        made.observe(tensor)
        errors.append(float((made(tensor) - tensor).square().mean().detach()))
    assert errors[0] <= 1.02 * errors[1]


@every_quantizer
def test_the_start_that_is_not_the_default_keeps_the_contract_too(name):
    (other,) = {least_error(name), own_start(name)} - {Quantizer.of(name)}
    check_grids(other, seed=0)


@every_quantizer
@pytest.mark.parametrize("signed", [False, True])
def test_before_anything_is_observed_the_start_is_that_for_a_normal_tensor(name, signed):
    tensor = torch.randn(4, 16, 40, 40, generator=torch.Generator().manual_seed(0))
    unseen, seen = (least_error(name).fake_quantizer(4, signed=signed) for _ in range(2))
    seen.observe(tensor if signed else tensor.relu())
    assert float(unseen.grid().step / seen.grid().step) == pytest.approx(1, abs=0.1)


@every_quantizer
def test_a_spec_of_version_1_keeps_the_start_that_it_had(name):
    component = type(Quantizer.of(name))
    earlier = getattr(component, "earlier_defaults", {}).get(1, {})
    assert component(**earlier) == own_start(name)


@pytest.mark.parametrize(("start", "least", "most"), [("least-error", 150, 256), ("published", 20, 60)])
def test_how_many_of_the_levels_of_8_bits_are_in_use_at_the_start(start, least, most):
    torch.manual_seed(0)
    layers = QuantizedLayers(Quantizer.of({"name": "lsq", "start": start}), Widths(8, 8))
    convolution = layers.conv(24, 24, 3)
    weights = convolution.weight_quantizer
    levels = (weights(convolution.weight) / weights.grid().step).round().unique()
    assert least <= len(levels) <= most


@every_quantizer
def test_what_is_learned_is_a_logarithm(name):
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=True)
    assert isinstance(quantizer, LearnedStep)
    assert torch.equal(quantizer.grid().step, quantizer.log_step.detach().exp())
