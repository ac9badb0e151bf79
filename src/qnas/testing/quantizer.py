"""The contract of quantizers."""

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, FakeQuantizer, Mixture, Quantizer
from qnas.core.network import QuantizedLayers
from qnas.core.network.calibration import calibrate
from qnas.core.settings import Widths
from qnas.core.training.machine import place
from qnas.testing.contract import contract
from qnas.testing.failure import told_as
from qnas.testing.gradients import assert_gradients, assert_repeatable
from qnas.testing.grid import TENSORS, Case, check_grids

_BITS = (2, 4, 8)
_MIXED = (2, 4, 32)
_ACTIVATIONS: tuple[Activation, ...] = ("relu", "none")


def check_quantizer(reference: Quantizer | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a quantizer meets its contract.

    In evaluation it is deterministic, in any memory layout and in bfloat16 too. In training its gradients are finite,
    and it never waits for the device. Its mixture is linear in the probabilities.

    A quantizer that may train the found network rounds to the grid that it reports, which has at most 2^bits levels and
    one step per output channel of weights. Values are rounded to the nearest level and keep their order. Zeros stay
    zero, unless the offset leaves no level at zero. Values on the grid stay as they are. All this holds for whatever it
    observes, and also after its state was saved and restored. Its plain mixture is the weighted sum of its widths. If
    it maps values first, :meth:`FakeQuantizer.normalise` returns the mapped values, and these are what it rounds.

    A quantizer for float networks does not change values.

    Args:
        reference: A quantizer, its name, or a mapping of its name and fields.
        seed: Seed of the values that it is given.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Quantizer.of, reference) as quantizer:
        assert quantizer.stages, "it can't be used in any stage"
        for (signed, channels), bits in itertools.product(TENSORS, _BITS):
            case = Case(bits, signed, channels, 1.0, seed)
            with told_as(str(case)):
                _check_case(quantizer, case)
        for activation, bits in itertools.product(_ACTIVATIONS, _BITS):
            with told_as(f"in a convolution at {bits} bits in bfloat16"):
                _check_convolution(quantizer, activation, bits, seed)
        if quantizer.is_float:
            _check_float(quantizer)
        elif "train" in quantizer.stages:
            check_grids(quantizer, seed)


def _check_case(quantizer: Quantizer, case: Case) -> None:
    torch.manual_seed(case.seed)
    made, tensor = case.make(quantizer), case.tensor()
    made.observe(tensor)
    _check_gradient(made.train(), tensor)
    _check_evaluation(made, tensor)
    with torch.no_grad():
        is_same = torch.equal(case.restored(quantizer, made)(tensor), made(tensor))
    assert is_same, "load_state_dict does not restore its state: keep all state in parameters and buffers"
    _check_never_waits(made, tensor)
    _check_mixture(quantizer.mixture(_MIXED, signed=case.signed, channels=case.channels), tensor)


def _check_gradient(made: FakeQuantizer, tensor: Tensor) -> None:
    given = (2 * tensor).requires_grad_()
    assert_gradients(made, lambda: made(given), input=given)
    assert given.grad is not None and given.grad.any(), "the gradient of its input is zero"


def _check_evaluation(made: FakeQuantizer, tensor: Tensor) -> None:
    with torch.no_grad():
        values = made.eval()(tensor)
        assert values.shape == tensor.shape, f"it turns {tuple(tensor.shape)} into {tuple(values.shape)}"
        assert values.isfinite().all(), "its output has values that are not finite"
        assert_repeatable(made, lambda: made(tensor))
        in_other_order = made(tensor.to(memory_format=torch.channels_last))
        assert torch.equal(in_other_order, values), "its output differs in channels_last"
        half = made(tensor.bfloat16())
    assert half.dtype == torch.bfloat16, f"it turns bfloat16 into {half.dtype}"
    assert half.isfinite().all(), "in bfloat16 its output has values that are not finite"


def _check_never_waits(module: FakeQuantizer | Mixture, *given: Tensor) -> None:
    """Tensors on the meta device have no values, so code that reads one raises."""
    module.to("meta")
    for is_training in (True, False):
        with told_as(f"it waits for the device{' in training' if is_training else ''}"):
            inputs = [torch.empty_like(tensor, device="meta", requires_grad=True) for tensor in given]
            module.train(is_training)(*inputs).sum().backward()


def _check_mixture(mixture: Mixture, tensor: Tensor) -> None:
    assert isinstance(mixture, Mixture), f"its mixture is a {type(mixture).__name__}, not a Mixture"
    p, q = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.0, 1.0, 0.0])
    calibrate(mixture.eval(), lambda: mixture(tensor, p))
    with torch.no_grad():
        together, apart = mixture(tensor, (p + 3 * q) / 4), (mixture(tensor, p) + 3 * mixture(tensor, q)) / 4
    is_linear = torch.allclose(together, apart, rtol=1e-4, atol=1e-5 * float(tensor.abs().max()))
    assert is_linear, "its mixture is not linear in the probabilities"
    given, probabilities = tensor.clone().requires_grad_(), p.clone().requires_grad_()
    mixture.train()
    with told_as("its mixture, in training"):
        assert_gradients(mixture, lambda: mixture(given, probabilities), input=given, probabilities=probabilities)
    with told_as("its mixture"):
        _check_never_waits(mixture, tensor, p)


class _Convolution(nn.Module):
    """A convolution with a quantized input, in qnas's layers."""

    def __init__(self, quantizer: Quantizer, bits: int, activation: Activation) -> None:
        super().__init__()
        layers = QuantizedLayers(quantizer, Widths(bits, bits))
        self.input = layers.activation(activation)
        self.convolution = layers.conv(4, 6, 3)

    def forward(self, features: Tensor) -> Tensor:
        output: Tensor = self.convolution(self.input(features))
        return output


def _check_convolution(quantizer: Quantizer, activation: Activation, bits: int, seed: int) -> None:
    torch.manual_seed(seed)
    network = place(_Convolution(quantizer, bits, activation), torch.device("cpu"))
    features = torch.randn(2, 4, 8, 8).to(memory_format=torch.channels_last)
    calibrate(network, lambda: network(features))

    def run() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            output: Tensor = network(features.bfloat16())
        return output.float()

    assert run().isfinite().all(), "its output has values that are not finite"
    assert_gradients(network.train(), run)
    assert_repeatable(network, run)


def _check_float(quantizer: Quantizer) -> None:
    tensor = torch.linspace(-3, 3, 101)
    values = quantizer.fake_quantizer(2, signed=True)(tensor)
    assert torch.equal(values, tensor), "it is for float networks, but changes values"
