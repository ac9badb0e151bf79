"""The merged slot against the plain one, and both against sums written out here."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import nn

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import MergedSlot, PlainSlot, grid
from qnas.core.network.calibration import calibrate
from qnas.core.network.mixing.mixed import MixedConv2d
from qnas.core.settings import Widths
from qnas.plugins.operations.composite import Factorized, Pair, Separable
from qnas.plugins.operations.convolution import Convolution, Depthwise
from qnas.plugins.operations.special import Identity
from qnas.quantizers.lsq import LSQFakeQuantizer

SINGLE = [
    *(
        Operation.of({"name": "conv", "kernel": kernel, "groups": groups, "dilation": dilation})
        for kernel, groups, dilation in [
            (1, 1, 1), (3, 1, 1), (5, 1, 1), (7, 1, 1), (3, 1, 2), (3, 1, 3), (5, 1, 2),
            (1, 2, 1), (3, 2, 1), (3, 3, 1), (5, 3, 2), (3, 6, 1),
        ]
    ),
    *map(Operation.of, ["depthwise3x3", "depthwise5x5"]),
]  # fmt: skip
COMPOSITE = [Operation.of(n) for n in ("conv3x1-1x3", "conv5x1-1x5", "separable3x3", "growth3x3", "narrow1x1")]
IDENTITY = Operation.of("identity")
WIDTHS = [Widths(4, 4), Widths(8, 8), Widths(4, 8), Widths(8, 4), Widths(2, 3), Widths(32, 32)]
FEW = settings(max_examples=40, derandomize=True)


@st.composite
def slots(draw, operations):
    """A slot's shape, some operations that fit it, and some widths in any order."""
    channels = draw(st.sampled_from([(6, 6), (6, 12), (12, 6)]))
    activation = draw(st.sampled_from(["relu", "none"]))
    shape = SlotShape("body", *channels, draw(st.integers(1, 3)), activation, signed=activation == "none")
    fitting = [operation for operation in operations if not operation.unfit(shape)]
    chosen = draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=5, unique=True))
    widths = draw(st.lists(st.sampled_from(WIDTHS), min_size=1, max_size=3, unique=True))
    return shape, chosen, widths


def shares(data, count, smallest):
    """``count`` numbers that sum to 1, in steps that make zeros and one-hot rows likely."""
    numbers = data.draw(st.lists(st.integers(smallest, 3), min_size=count, max_size=count).filter(any))
    return torch.tensor(numbers, dtype=torch.float64) / sum(numbers)


def pair(shape, candidates, quantizer, dtype=torch.float64):
    """A plain and a merged slot with the same state, and an input for them."""
    torch.manual_seed(0)
    plain = PlainSlot(shape, candidates, Quantizer.of(quantizer)).to(dtype)
    merged = MergedSlot(shape, candidates, Quantizer.of(quantizer)).to(dtype)
    features = torch.randn(2, shape.in_channels, 7, 10, dtype=dtype)
    plain.probabilities = plain.probabilities.to(dtype)
    calibrate(plain.eval(), lambda: plain(features))
    merged.eval().load_state_dict(plain.state_dict())
    return plain, merged, features


def outcome(slot, features, probabilities, leaves=()):
    """The slot's output and the gradients of a fixed random function of it: input, weights, leaves."""
    features = features.clone().requires_grad_()
    slot.probabilities = probabilities
    output = slot(features)
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output)
    wanted = [features, *slot.parameters(), *leaves]
    gradients = torch.autograd.grad((output * direction).sum(), wanted, retain_graph=True, allow_unused=True)
    return output.detach(), [g if g is not None else w.detach() * 0 for g, w in zip(gradients, wanted, strict=True)]


def assert_agree(actual, expected, rtol=1e-8, atol=1e-9):
    scale = max(float(expected.detach().abs().max()), 1e-2)
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol * scale)


def of_operations(probabilities, operations, widths):
    """Each operation's share of candidate probabilities."""
    rows = probabilities.split([len(widths) if operation.quantized else 1 for operation in operations])
    return [row.sum() for row in rows]


def written_out(operation, convolutions, raw, shape):
    """One operation in float, from its definition."""
    x = raw.relu() if shape.activation == "relu" else raw
    s, (w, b), *more = shape.stride, *((c.weight, c.bias) for c in convolutions), (None, None)
    match operation:
        case Identity():
            return raw
        case Convolution(kernel=k, groups=g, dilation=d):
            return F.conv2d(x, w, b, s, d * (k // 2), d, g)
        case Depthwise(kernel=k):
            return F.conv2d(x, w, b, s, k // 2, groups=shape.in_channels)
        case Separable(kernel=k):
            return F.conv2d(F.conv2d(x, w, b, s, k // 2, groups=shape.in_channels), *more[0])
        case Factorized(kernel=k):
            return F.conv2d(F.conv2d(x, w, b, s, (k // 2, 0)), *more[0], padding=(0, k // 2))
        case Pair(kernel=k):
            return F.conv2d(F.conv2d(x, w, b, s, k // 2).relu(), *more[0], padding=k // 2)


@FEW
@given(slot=slots([*SINGLE, *COMPOSITE, IDENTITY]), data=st.data())
def test_in_float_both_forms_are_the_sum_over_operations(slot, data):
    shape, operations, widths = slot
    candidates = grid(operations, widths)
    probabilities = shares(data, len(candidates), smallest=0)
    plain, merged, features = pair(shape, candidates, "none")
    expected = 0
    for share, operation, module in zip(
        of_operations(probabilities, operations, widths), operations, plain.operations, strict=True
    ):
        convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
        expected = expected + share * written_out(operation, convolutions, features, shape)
    for form in (plain, merged):
        assert_agree(outcome(form, features, probabilities)[0], expected.detach())


@FEW
@given(slot=slots([*SINGLE, *COMPOSITE, IDENTITY]), data=st.data(), quantizer=st.sampled_from(["none", "noise"]))
def test_without_rounding_both_forms_and_their_gradients_agree(slot, data, quantizer):
    shape, operations, widths = slot
    candidates = grid(operations, widths)
    probabilities = shares(data, len(candidates), smallest=0).requires_grad_()
    plain, merged, features = pair(shape, candidates, quantizer)
    expected, expected_gradients = outcome(plain, features, probabilities, [probabilities])
    actual, gradients = outcome(merged, features, probabilities, [probabilities])
    assert_agree(actual, expected)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert_agree(ours, theirs)


@FEW
@given(slot=slots([*SINGLE, *COMPOSITE, IDENTITY]), data=st.data())
def test_where_probabilities_factorise_both_forms_agree_under_lsq(slot, data):
    shape, operations, widths = slot
    p_operation = shares(data, len(operations), smallest=1).requires_grad_()
    p_widths = shares(data, len(widths), smallest=0).requires_grad_()
    probabilities = torch.cat(
        [p * p_widths if operation.quantized else p[None] for p, operation in zip(p_operation, operations, strict=True)]
    )
    leaves = [p_operation, p_widths] if any(operation.quantized for operation in operations) else [p_operation]
    plain, merged, features = pair(shape, grid(operations, widths), "lsq")
    expected, expected_gradients = outcome(plain, features, probabilities, leaves)
    actual, gradients = outcome(merged, features, probabilities, leaves)
    assert_agree(actual, expected)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert_agree(ours, theirs)


@FEW
@given(slot=slots([*SINGLE, *COMPOSITE, IDENTITY]), data=st.data())
def test_float32_forms_agree_to_its_rounding(slot, data):
    shape, operations, widths = slot
    candidates = grid(operations, widths)
    probabilities = shares(data, len(candidates), smallest=0).float()
    plain, merged, features = pair(shape, candidates, "none", torch.float32)
    expected, _ = outcome(plain, features, probabilities)
    actual, _ = outcome(merged, features, probabilities)
    assert_agree(actual, expected, rtol=1e-4, atol=1e-5)


def rounded(tensor, quantizers, bits, signed):
    """Q_b written out, with the learned step of that width."""
    if bits == 32:
        return tensor
    q_min, q_max = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    (step,) = [q.step for q in quantizers.modules() if isinstance(q, LSQFakeQuantizer) and q.q_max == q_max]
    return step * (tensor / step).round().clamp(q_min, q_max)


@FEW
@given(slot=slots(SINGLE), data=st.data())
def test_merged_slot_is_one_convolution_of_mixed_weights_with_a_mixed_input(slot, data):
    """At any joint probabilities: x~ = sum_b p_b Q_b(x), W~ = sum_b p_ob Q_b(W_o)."""
    shape, operations, widths = slot
    candidates = grid(operations, widths)
    probabilities = shares(data, len(candidates), smallest=0)
    _, merged, features = pair(shape, candidates, "lsq")
    joint = probabilities.view(len(operations), len(widths))
    x = features.relu() if shape.activation == "relu" else features
    mixed_input = sum(
        p * rounded(x, merged.activation, w.activation, shape.signed) for p, w in zip(joint.sum(0), widths, strict=True)
    )
    expected = 0
    for row, operation, module in zip(joint, operations, merged.operations, strict=True):
        mixed = sum(p * rounded(module.weight, module, w.weight, True) for p, w in zip(row, widths, strict=True))
        groups = shape.in_channels if isinstance(operation, Depthwise) else operation.groups
        dilation = getattr(operation, "dilation", 1)
        padding = dilation * (operation.kernel // 2)
        bias = row.sum() * module.bias
        expected = expected + F.conv2d(mixed_input, mixed, bias, shape.stride, padding, dilation, groups)
    assert_agree(outcome(merged, features, probabilities)[0], expected.detach())


@pytest.mark.parametrize("form", [PlainSlot, MergedSlot])
@pytest.mark.parametrize("quantizer", ["none", "noise", "lsq", "hwgq"])
def test_gradients_are_finite_at_every_one_hot(form, quantizer):
    torch.manual_seed(0)
    operations = [SINGLE[1], COMPOSITE[0], COMPOSITE[3], IDENTITY]
    candidates = grid(operations, WIDTHS[:3])
    slot = form(SlotShape("body", 6, 6), candidates, Quantizer.of(quantizer)).train()
    features = torch.randn(2, 6, 6, 6)
    for index in range(len(candidates)):
        probabilities = torch.eye(len(candidates))[index].requires_grad_()
        output, gradients = outcome(slot, features, probabilities, [probabilities])
        assert output.isfinite().all()
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_merged_slot_runs_one_convolution_for_all_single_candidates(monkeypatch):
    calls = []
    convolve = F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda *a, **k: calls.append(a) or convolve(*a, **k))
    slot = MergedSlot(SlotShape("body", 6, 12), grid(SINGLE, WIDTHS), Quantizer.of("lsq"))
    slot(torch.randn(1, 6, 8, 8))
    assert len(calls) == 1


def test_merged_slot_in_channels_last_and_bfloat16_is_near_float32():
    torch.manual_seed(0)
    candidates = grid([*SINGLE, COMPOSITE[0], IDENTITY], WIDTHS[:2])
    slot = MergedSlot(SlotShape("body", 6, 6), candidates, Quantizer.of("noise")).eval()
    features = torch.randn(2, 6, 8, 8)
    expected = slot(features)
    slot.to(memory_format=torch.channels_last)
    assert_agree(slot(features.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        half = slot(features)
    # Three roundings to 8 significant bits: input, kernel, output.
    assert_agree(half.float(), expected, rtol=0, atol=3 * 2**-8)


def test_all_widths_of_an_operation_share_one_set_of_weights():
    slot = MergedSlot(SlotShape("body", 6, 6), grid(SINGLE[:3], WIDTHS), Quantizer.of("none"))
    weights = [m.weight for m in slot.modules() if isinstance(m, MixedConv2d)]
    assert [w.shape[-1] for w in weights] == [1, 3, 5]
    assert len(list(slot.parameters())) == 2 * len(weights)


def test_identity_sees_the_raw_input_without_activation_or_noise():
    slot = MergedSlot(SlotShape("body", 6, 6), grid([SINGLE[1], IDENTITY], WIDTHS[:2]), Quantizer.of("noise"))
    features = torch.randn(1, 6, 5, 5)
    slot.train().probabilities = torch.tensor([0.0, 0.0, 1.0])
    assert torch.equal(slot(features), features)


def test_slot_of_only_an_identity_passes_its_share_on():
    slot = MergedSlot(SlotShape("body", 6, 6), grid([IDENTITY], WIDTHS), Quantizer.of("lsq"))
    features = torch.randn(1, 6, 5, 5)
    slot.probabilities = torch.tensor([0.25])
    assert torch.equal(slot(features), 0.25 * features)
    assert not list(slot.parameters())


class Around(nn.Sequential):
    """A chain that does more than its parts, as third parties may write it."""

    def forward(self, features):
        return super().forward(features) + features


class Rewound(Operation):
    """Adds its input to the output of its last convolution."""

    def build(self, slot, layers):
        return Around(layers.conv(slot.in_channels, slot.out_channels, 3))


class Tied(Operation):
    """Runs one convolution twice."""

    def build(self, slot, layers):
        convolution = layers.conv(slot.in_channels, slot.out_channels, 3)
        return nn.Sequential(convolution, layers.activation("none"), convolution)


@pytest.mark.parametrize("operation", [Rewound, Tied])
def test_an_operation_is_weighed_as_a_whole_whatever_it_does_with_its_last_convolution(operation):
    shape = SlotShape("body", 6, 6)
    candidates = grid([operation(name="conv"), Operation.of("conv3x3")], [Widths(8, 8)])
    plain, merged, features = pair(shape, candidates, "none")
    probabilities = torch.tensor([0.3, 0.7], dtype=torch.float64)
    expected, expected_gradients = outcome(plain, features, probabilities)
    actual, gradients = outcome(merged, features, probabilities)
    assert_agree(actual, expected)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert_agree(ours, theirs)
