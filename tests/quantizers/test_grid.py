"""What every quantizer that can train a found network must do, whoever registered it."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from qnas.core.components import FakeQuantizer, Quantizer, Widths, integer_range
from qnas.core.engine.evaluate import calibrate
from qnas.core.engine.optimizer import adam
from qnas.core.network import QuantizedLayers
from qnas.core.registry import plugins

NAMES = [
    entry.name
    for entry in plugins().registries["quantizer"]
    if "train" in (quantizer := type(Quantizer.of(entry.name))).stages and not quantizer.is_float
]
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
FEW = settings(deadline=None, max_examples=40, derandomize=True)


def set_up(name, bits, signed, channels, seed, size) -> tuple[FakeQuantizer, torch.Tensor]:
    """A quantizer that has observed a tensor, and the tensor."""
    signed = signed or channels is not None
    tensor = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size
    tensor = tensor if signed else tensor.relu()
    quantizer = Quantizer.of(name).fake_quantizer(bits, signed=signed, channels=channels).double().eval()
    quantizer.observe(tensor)
    return quantizer, tensor


def rounded_by(quantizer: FakeQuantizer, tensor: torch.Tensor) -> torch.Tensor:
    """What a quantizer rounds: the tensor, but for those that normalise weights first, as DoReFa does."""
    return getattr(quantizer, "normalise", lambda t: t)(tensor)


def test_there_are_quantizers_to_test():
    assert {"lsq", "lsq+", "pact", "ewgs", "dorefa", "nipq", "hwgq"} <= set(NAMES)


@every_quantizer
@FEW
@given(case=CASES)
def test_values_are_whole_steps_of_the_stated_grid(name, case):
    quantizer, tensor = set_up(name, **case)
    grid = quantizer.grid()
    q_min, q_max = integer_range(case["bits"], case["signed"] or case["channels"] is not None)
    assert q_min <= grid.q_min <= q_min + 1 and grid.q_max == q_max  # symmetric ones do without the lowest
    assert (grid.step > 0).all()
    values = quantizer(3 * tensor)
    whole = ((values - grid.offset) / grid.step).round()
    assert torch.equal(values, whole * grid.step + grid.offset)
    assert grid.q_min <= whole.min() and whole.max() <= grid.q_max
    for part in values if case["channels"] else [values]:
        assert len(part.unique()) <= 2 ** case["bits"]


@every_quantizer
@FEW
@given(case=CASES)
def test_quantizing_twice_changes_nothing(name, case):
    quantizer, tensor = set_up(name, **case)
    assume(not hasattr(quantizer, "normalise"))  # values on the grid would be normalised again
    once = quantizer(tensor)
    assert torch.equal(quantizer(once), once)


@every_quantizer
@FEW
@given(case=CASES)
def test_error_is_at_most_half_a_step_inside_and_the_end_of_the_grid_outside(name, case):
    quantizer, tensor = set_up(name, **case)
    tensor = rounded_by(quantizer, 2 * tensor)
    step, q_min, q_max, offset = quantizer.grid()
    values = quantizer(2 * set_up(name, **case)[1])
    nearest = tensor.clamp(step * q_min + offset, step * q_max + offset)
    assert ((values - nearest).abs() <= step / 2 * (1 + 1e-9)).all()
    outside = nearest != tensor
    torch.testing.assert_close(values[outside], nearest[outside], rtol=1e-12, atol=0)


@every_quantizer
@FEW
@given(case=CASES)
def test_never_reverses_an_order(name, case):
    quantizer, _ = set_up(name, **{**case, "channels": None})
    rising = torch.linspace(-4, 4, 2001, dtype=torch.float64).mul(case["size"])[None]
    assert (quantizer(rising).diff() >= 0).all()


@every_quantizer
@FEW
@given(case=CASES)
def test_gradients_are_finite_and_pass_inside_the_grid_only(name, case):
    quantizer, tensor = set_up(name, **case)
    tensor = (2 * tensor).float().requires_grad_()
    quantizer.float().train()(tensor).sum().backward()
    step, q_min, q_max, offset = quantizer.grid()
    v = (tensor.detach() - offset) / step
    inside = (v >= q_min) & (v <= q_max)
    if hasattr(quantizer, "normalise"):  # to the range of the grid: nothing is outside
        assert tensor.grad.isfinite().all() and (tensor.grad >= 0).all() and tensor.grad.any()
    else:
        assert (tensor.grad[~inside] == 0).all()
        # Those that weigh gradients by the rounding error, such as EWGS, pass a little more or less.
        torch.testing.assert_close(tensor.grad[inside], torch.ones_like(v[inside]), rtol=0, atol=1e-3)
    assert all(p.grad.isfinite().all() for p in quantizer.parameters())


@every_quantizer
@pytest.mark.parametrize("channels", [None, 4])
def test_state_is_saved_and_restored(name, channels):
    quantizer, tensor = set_up(name, 4, True, channels, 0, 3.0)
    restored = Quantizer.of(name).fake_quantizer(4, signed=True, channels=channels).double().eval()
    assert not torch.equal(restored(tensor), quantizer(tensor))
    restored.load_state_dict(quantizer.state_dict())
    assert torch.equal(restored(tensor), quantizer(tensor))
    assert torch.equal(restored.grid().step, quantizer.grid().step)


@every_quantizer
def test_weights_have_one_step_for_each_output_channel(name):
    weights = torch.randn(3, 2, 3, 3) * torch.tensor([1e-2, 1.0, 50.0]).view(3, 1, 1, 1)
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=True, channels=3).eval()
    quantizer.observe(weights)
    assert quantizer.grid().step.shape == (3, 1, 1, 1)
    for index in range(3):
        alone = Quantizer.of(name).fake_quantizer(4, signed=True, channels=1).eval()
        alone.observe(weights[index : index + 1])
        torch.testing.assert_close(quantizer(weights)[index], alone(weights[index : index + 1])[0])


@every_quantizer
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("channels", [None, 4])
def test_a_tensor_of_zeros_stays_zero(name, signed, channels):
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=signed, channels=channels).eval()
    zeros = torch.zeros(4, 2, 3, 3)
    quantizer.observe(zeros)
    assert torch.equal(quantizer(zeros), zeros)


@every_quantizer
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_works_in_any_memory_layout_and_in_bfloat16(name, layout):
    tensor = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=True).eval()
    quantizer.observe(tensor)
    expected = quantizer(tensor)
    assert torch.equal(quantizer(tensor.to(memory_format=layout)), expected)
    half = quantizer(tensor.to(memory_format=layout, dtype=torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert len(half.unique()) <= 16


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


@every_quantizer
@pytest.mark.parametrize(("signed", "channels"), [(False, None), (True, None), (True, 4)])
@pytest.mark.parametrize("training", [False, True])
def test_a_step_of_training_never_waits_for_the_device(name, signed, channels, training):
    """Tensors on the meta device have no values: whatever asks for one raises."""
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=signed, channels=channels).to("meta").train(training)
    tensor = torch.empty(4, 3, 5, 5, device="meta", requires_grad=True)
    quantizer(tensor).sum().backward()
    assert tensor.grad.shape == tensor.shape


@every_quantizer
def test_mixture_is_the_sum_of_its_widths(name):
    quantizer = Quantizer.of(name)
    mixture = quantizer.mixture([2, 4, 32], signed=True).eval()
    tensor = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    single = [quantizer.fake_quantizer(b, signed=True).eval()(tensor) for b in (2, 4)]
    for p in ([0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.1, 0.1, 0.1]):
        expected = p[0] * single[0] + p[1] * single[1] + p[2] * tensor
        torch.testing.assert_close(mixture(tensor, torch.tensor(p)), expected)


EDGES = {
    "zeros": torch.zeros(3, 2, 3, 3),
    "constant": torch.full((3, 2, 3, 3), 0.7),
    "constant and negative": torch.full((3, 2, 3, 3), -0.7),
    "all negative": -torch.rand(3, 2, 3, 3, generator=torch.Generator().manual_seed(0)) - 0.1,
    "tiny": torch.linspace(-1e-30, 1e-30, 54).view(3, 2, 3, 3),
    "one outlier": torch.randn(54, generator=torch.Generator().manual_seed(0))
    .index_fill(0, torch.tensor(5), 1e6)
    .view(3, 2, 3, 3),
    "single values": torch.tensor([0.5, -0.5, 0.0]).view(3, 1, 1, 1),
}


@every_quantizer
@pytest.mark.parametrize("bits", [2, 16])
@pytest.mark.parametrize(("signed", "channels"), [(False, None), (True, None), (True, 3)])
@pytest.mark.parametrize("edge", EDGES)
def test_edges(name, bits, signed, channels, edge):
    """Whatever is observed, values lie on the grid and training goes on."""
    torch.manual_seed(0)
    quantizer = Quantizer.of(name).fake_quantizer(bits, signed=signed, channels=channels).train()
    tensor = EDGES[edge].clone().requires_grad_()
    quantizer.observe(tensor.detach())
    (quantizer(tensor) - 0.3).abs().sum().backward()
    assert tensor.grad.isfinite().all()
    adam(quantizer, 1e-3).step()
    assert all(value.isfinite().all() for value in quantizer.state_dict().values())
    step, q_min, q_max, offset = quantizer.eval().grid()
    assert (step > 0).all()
    values = quantizer(EDGES[edge]).detach()
    v = (values - offset) / step
    assert (v - v.round()).abs().max() < 1e-2 * q_max / 2**8 + 1e-3  # float32 has 24 bits
    assert q_min <= v.round().min() and v.round().max() <= q_max


class Small(nn.Module):
    """A convolution that reads a quantized input, in qnas's layers."""

    def __init__(self, name: str, bits: int, activation: str) -> None:
        super().__init__()
        layers = QuantizedLayers(Quantizer.of(name), Widths(bits, bits))
        self.input = layers.activation(activation)
        self.convolution = layers.conv(4, 6, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.convolution(self.input(features))


@every_quantizer
@pytest.mark.parametrize("activation", ["relu", "none"])
@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_convolution_is_finite_in_autocast_and_channels_last(name, activation, bits):
    torch.manual_seed(0)
    network = Small(name, bits, activation).to(memory_format=torch.channels_last)
    features = torch.randn(2, 4, 8, 8).to(memory_format=torch.channels_last)
    calibrate(network, lambda: network(features))
    with torch.autocast("cpu", torch.bfloat16):
        output = network.train()(features.bfloat16())
    assert output.dtype == torch.bfloat16
    output.float().abs().mean().backward()
    assert output.isfinite().all()
    assert all(p.grad.isfinite().all() for p in network.parameters())
    assert network.convolution.weight.grad.any()


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
