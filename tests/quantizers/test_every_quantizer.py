"""What all our quantizers that can train a found network do, beyond the contract."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from qnas.core.components import FakeQuantizer, Quantizer, integer_range
from qnas.core.network import QuantizedLayers
from qnas.core.network.calibration import calibrate
from qnas.core.registry import PROJECT, plugins
from qnas.core.settings import Widths
from qnas.core.training.optimizer import adam

OURS = [entry.name for entry in plugins().registries["quantizer"] if entry.distribution == PROJECT]
NAMES = [name for name in OURS if "train" in Quantizer.of(name).stages and not Quantizer.of(name).is_float]
CASES = st.fixed_dictionaries(
    {
        "bits": st.sampled_from([2, 3, 4, 5, 6, 7, 8, 16]),
        "signed": st.booleans(),
        "channels": st.sampled_from([None, 4]),
        "seed": st.integers(0, 2**16),
        "size": st.sampled_from([1e-3, 1.0, 40.0]),
    }
)
every_quantizer = pytest.mark.parametrize("name", NAMES)
FEW = settings(max_examples=40, derandomize=True)


def set_up(name, bits, signed, channels, seed, size) -> tuple[FakeQuantizer, torch.Tensor]:
    """A quantizer that has observed a tensor, and the tensor."""
    signed = signed or channels is not None
    tensor = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size
    tensor = tensor if signed else tensor.relu()
    quantizer = Quantizer.of(name).fake_quantizer(bits, signed=signed, channels=channels).double().eval()
    quantizer.observe(tensor)
    return quantizer, tensor


def test_there_are_quantizers_to_test():
    assert {"lsq", "lsq+", "pact", "ewgs", "dorefa", "nipq", "hwgq"} <= set(NAMES)


@every_quantizer
@FEW
@given(case=CASES)
def test_all_levels_of_its_bits_are_used(name, case):
    grid = set_up(name, **case)[0].grid()
    q_min, q_max = integer_range(case["bits"], case["signed"] or case["channels"] is not None)
    assert q_min <= grid.q_min <= q_min + 1 and grid.q_max == q_max  # symmetric grids lack the lowest level


@every_quantizer
@FEW
@given(case=CASES)
def test_gradients_pass_inside_the_grid_only(name, case):
    quantizer, tensor = set_up(name, **case)
    tensor = (2 * tensor).float().requires_grad_()
    quantizer.float().train()(tensor).sum().backward()
    step, q_min, q_max, offset = quantizer.grid()
    v = (tensor.detach() - offset) / step
    inside = (v >= q_min) & (v <= q_max)
    beyond = (q_max - q_min) * 1e-6  # what is rounded to the end counts as the end
    outside = (v < q_min - beyond) | (v > q_max + beyond)
    if not torch.equal(quantizer.normalise(tensor), tensor):  # to the range of the grid, so that nothing is outside
        assert (tensor.grad >= 0).all() and tensor.grad.any()
    else:
        assert (tensor.grad[outside] == 0).all()
        # Those that weigh gradients by the rounding error, such as EWGS, pass a little more or less.
        torch.testing.assert_close(tensor.grad[inside], torch.ones_like(v[inside]), rtol=0, atol=1e-3)


@every_quantizer
@pytest.mark.parametrize("signed", [False, True])
def test_the_gradient_of_activations_needs_no_tensor_but_their_own(name, signed):
    tensor = torch.randn(2, 4, 9, 9).relu().requires_grad_()
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=signed).train()
    copies = []

    def note(kept: torch.Tensor) -> torch.Tensor:
        own = kept.untyped_storage()
        is_copy = own.nbytes() == kept.nbytes and own.data_ptr() != tensor.data_ptr()  # not a view of a pool
        copies.append(kept.shape) if is_copy and kept.numel() >= tensor.numel() else None
        return kept

    with torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        quantizer(tensor)
    assert not copies


class Small(nn.Module):
    """A convolution that reads a quantized input, made of qnas's layers."""

    def __init__(self, name: str, bits: int, activation: str) -> None:
        super().__init__()
        layers = QuantizedLayers(Quantizer.of(name), Widths(bits, bits))
        self.input = layers.activation(activation)
        self.convolution = layers.conv(4, 6, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.convolution(self.input(features))


@every_quantizer
@pytest.mark.parametrize("activation", ["relu", "none"])
@pytest.mark.parametrize("bits", [4, 8])
def test_training_reduces_the_loss_and_moves_what_is_learned(name, activation, bits):
    torch.manual_seed(0)
    network, aim = Small(name, bits, activation), nn.Conv2d(4, 6, 3, padding=1)
    features = torch.randn(4, 4, 10, 10)
    wanted = aim(features.relu() if activation == "relu" else features).detach()
    calibrate(network.train(), lambda: network(features))
    learned = [p for m in network.modules() if isinstance(m, FakeQuantizer) for p in m.parameters()]
    before = [p.detach().clone() for p in learned]
    optimizer = adam(network, 1e-2)

    def loss() -> torch.Tensor:
        return (network(features) - wanted).abs().mean()

    with torch.no_grad():
        at_start = loss()
    for _ in range(60):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        assert all((m.grid().step > 0).all() for m in network.modules() if isinstance(m, FakeQuantizer))
    with torch.no_grad():
        network.eval()
        assert loss() < at_start / 3
    assert all((p != old).any() for p, old in zip(learned, before, strict=True))
