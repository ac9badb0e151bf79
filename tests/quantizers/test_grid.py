"""What every quantizer that can train a found network must do, whoever registered it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.core.components import FakeQuantizer, Quantizer, integer_range
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


def test_there_are_quantizers_to_test():
    assert {"lsq", "hwgq"} <= set(NAMES)


@every_quantizer
@FEW
@given(case=CASES)
def test_values_are_whole_steps_of_the_stated_grid(name, case):
    quantizer, tensor = set_up(name, **case)
    grid = quantizer.grid()
    assert (grid.q_min, grid.q_max) == integer_range(case["bits"], case["signed"] or case["channels"] is not None)
    assert (grid.step > 0).all()
    values = quantizer(3 * tensor)
    whole = (values / grid.step).round()
    assert torch.equal(values, whole * grid.step)
    assert grid.q_min <= whole.min() and whole.max() <= grid.q_max
    for part in values if case["channels"] else [values]:
        assert len(part.unique()) <= 2 ** case["bits"]


@every_quantizer
@FEW
@given(case=CASES)
def test_quantizing_twice_changes_nothing(name, case):
    quantizer, tensor = set_up(name, **case)
    once = quantizer(tensor)
    assert torch.equal(quantizer(once), once)


@every_quantizer
@FEW
@given(case=CASES)
def test_error_is_at_most_half_a_step_inside_and_the_end_of_the_grid_outside(name, case):
    quantizer, tensor = set_up(name, **case)
    tensor = 2 * tensor
    step, q_min, q_max = quantizer.grid()
    values = quantizer(tensor)
    nearest = tensor.clamp(step * q_min, step * q_max)
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
    step, q_min, q_max = quantizer.grid()
    inside = (tensor / step >= q_min) & (tensor / step <= q_max)
    assert torch.equal(tensor.grad, inside.float())
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
    quantizer = Quantizer.of(name).fake_quantizer(4, signed=signed, channels=channels)
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
def test_mixture_is_the_sum_of_its_widths(name):
    quantizer = Quantizer.of(name)
    mixture = quantizer.mixture([2, 4, 32], signed=True).eval()
    tensor = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    single = [quantizer.fake_quantizer(b, signed=True).eval()(tensor) for b in (2, 4)]
    for p in ([0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.1, 0.1, 0.1]):
        expected = p[0] * single[0] + p[1] * single[1] + p[2] * tensor
        torch.testing.assert_close(mixture(tensor, torch.tensor(p)), expected)
