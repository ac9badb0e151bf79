"""Branches against convolutions that really run beside each other, and what is left of them after training."""

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from qnas.core.components import Operation, Quantizer, SlotShape, Space, costs_with
from qnas.core.network import (
    Candidate,
    MergedSlot,
    PlainSlot,
    QuantizedLayers,
    Supernet,
    build_found,
    count_choices,
    grid,
    inherit_weights,
    slot_candidates,
)
from qnas.core.network.branches import BranchSum, Chain
from qnas.core.network.convolution import QuantizedConv2d
from qnas.core.network.reparameterization import fuse_branches, fused_state, grow_branches
from qnas.core.settings import FLOAT, Widths

LSQ, NONE = Quantizer.of("lsq"), Quantizer.of("none")
ALL = ("ecbsr", "span", "repvgg")
MASKS = {
    "sobel-x": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "sobel-y": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}


def grown(channels: tuple[int, int] = (6, 6), kernel: int = 3, widths: Widths = FLOAT, **fields) -> QuantizedConv2d:
    """A convolution with branches, as after some training: nothing in it is zero."""
    torch.manual_seed(0)
    convolution = QuantizedLayers(LSQ, widths).conv(*channels, kernel, **{"branches": ALL, **fields})
    convolution.grow()
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return convolution


def branches_of(convolution: QuantizedConv2d) -> BranchSum:
    assert convolution.branches is not None
    return convolution.branches


def run_separately(convolution: QuantizedConv2d, x: Tensor) -> Tensor:
    """The convolution and each of its branches as layers of their own, each over the image, added up."""
    stride, groups, dilation = convolution.stride, convolution.groups, convolution.dilation
    total = F.conv2d(
        x, convolution.weight, convolution.bias, stride, convolution.padding, dilation=dilation, groups=groups
    )
    around = F.pad(x, (1, 1, 1, 1))
    biases = iter([] if branches_of(convolution).biases is None else branches_of(convolution).biases)
    for name, branch in branches_of(convolution).branches.items():
        if name == "identity":
            total = total + (x * branch.factors.view(1, -1, 1, 1))[:, :, :: stride[0], :: stride[1]]
            continue
        if name == "conv1x1":
            output = F.conv2d(x, branch.weight, stride=stride, groups=groups)
        elif name in MASKS:
            mask = torch.tensor(MASKS[name], dtype=x.dtype).expand(convolution.out_channels, 1, 3, 3)
            inside = F.conv2d(around, branch.weight, groups=groups)
            output = F.conv2d(inside, mask * branch.factors, stride=stride, groups=convolution.out_channels)
        else:
            output = F.conv2d(
                F.conv2d(around, branch.expand, groups=groups), branch.convolve, None, stride, groups=groups
            )
            if branch.shrink is not None:
                output = F.conv2d(output, branch.shrink, groups=groups)
        bias = next(biases, None)
        total = total + output + (0 if bias is None else bias.view(1, -1, 1, 1))
    assert next(biases, None) is None
    return total


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"groups": 3},
        {"stride": 2},
        {"bias": False},
        {"kernel": 5},
        {"channels": (4, 8), "groups": 2, "branches": ("ecbsr", "span")},
    ],
    ids=str,
)
def test_the_fused_kernel_is_all_branches_run_separately_and_added_up(fields) -> None:
    convolution = grown(**fields).double()
    x = torch.randn(2, convolution.in_channels, 8, 9, dtype=torch.float64)
    expected = run_separately(convolution, x)
    torch.testing.assert_close(convolution(x), expected, rtol=1e-12, atol=1e-12)
    convolution.fuse()
    assert convolution.branches is None
    torch.testing.assert_close(convolution(x), expected, rtol=1e-12, atol=1e-12)
    kernel, bias = convolution.weight, convolution.bias  # in plain PyTorch
    plain = F.conv2d(x, kernel, bias, convolution.stride, convolution.padding, groups=convolution.groups)
    torch.testing.assert_close(plain, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shrinks", [False, True])
def test_biases_inside_a_branch_are_a_constant_unless_zeros_are_padded_behind_them(shrinks) -> None:
    """ECBSR pads with the bias inside, SPAN pads the image only: both are our branch, whose bias is that constant."""
    torch.manual_seed(0)
    expand, convolve = (
        nn.Conv2d(4, 12 if not shrinks else 8, 1),
        nn.Conv2d(12 if not shrinks else 8, 6 + 6 * shrinks, 3),
    )
    shrink = nn.Conv2d(12, 6, 1) if shrinks else nn.Identity()
    x = torch.randn(1, 4, 7, 8)
    as_span = shrink(convolve(expand(F.pad(x, (1, 1, 1, 1)))))
    with_bias_around = expand.bias.detach().view(1, -1, 1, 1).expand(1, -1, 9, 10).clone()
    with_bias_around[:, :, 1:-1, 1:-1] = expand(x)
    torch.testing.assert_close(shrink(convolve(with_bias_around)), as_span)

    branch = Chain(QuantizedLayers(NONE, FLOAT).conv(4, 6, 3).shape, shrink=shrinks)
    branch.expand, branch.convolve = expand.weight, convolve.weight
    branch.shrink = shrink.weight if shrinks else None
    inside = convolve.weight.sum((2, 3)) @ expand.bias + convolve.bias
    constant = shrink.weight[..., 0, 0] @ inside + shrink.bias if shrinks else inside
    torch.testing.assert_close(F.conv2d(x, branch.kernel(), constant, padding=1), as_span, rtol=1e-4, atol=1e-5)

    with_zeros_around = shrink(convolve(F.pad(expand(x), (1, 1, 1, 1))))
    differs = (with_zeros_around - as_span).abs().amax((0, 1)) > 1e-4
    assert not differs[1:-1, 1:-1].any() and differs[0].all() and differs[:, -1].all()


def test_what_is_quantized_is_the_fused_kernel_and_every_branch_gets_a_gradient() -> None:
    convolution = grown(widths=Widths(4, 8))
    convolution.weight_quantizer.observe(convolution.kernel().detach())
    seen = []
    convolution.weight_quantizer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    convolution(torch.randn(2, 6, 8, 8)).square().mean().backward()
    assert [torch.equal(kernel, convolution.kernel()) for kernel in seen] == [True]
    quantized = convolution.weight_quantizer(convolution.kernel())
    assert max(len(channel.unique()) for channel in quantized) <= 2**4
    without = [name for name, p in convolution.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_a_fresh_convolution_starts_with_all_branches_and_its_quantizer_is_set_up_for_them() -> None:
    torch.manual_seed(0)
    convolution = QuantizedLayers(LSQ, Widths(4, 8)).conv(6, 6, 3, branches=["identity"])
    own = convolution.weight.detach().clone()
    convolution.grow()
    expected = own + F.pad(torch.eye(6)[..., None, None], (1, 1, 1, 1))
    torch.testing.assert_close(convolution.kernel(), expected)
    alike = LSQ.at(4, signed=True, channels=6)
    alike.observe(expected)
    torch.testing.assert_close(convolution.weight_quantizer.grid().step, alike.grid().step)
    before = convolution.branches
    convolution.grow()
    assert convolution.branches is before


@pytest.mark.parametrize("first", ["grow", "take", "load", "train"])
def test_a_convolution_that_was_given_weights_keeps_its_kernel(first) -> None:
    torch.manual_seed(0)
    convolution = QuantizedLayers(LSQ, Widths(4, 8)).conv(6, 6, 3, branches=ALL)
    given = {"weight": torch.randn(6, 6, 3, 3), "bias": torch.randn(6)}
    if first == "grow":
        convolution.grow()
        convolution.take(given)
    elif first == "take":
        convolution.take(given)
        convolution.grow()
    elif first == "load":
        convolution.load_state_dict(given, strict=False)
        convolution.grow()
    else:  # a second training of what was trained before
        convolution = grown()
        given = {"weight": convolution.kernel().detach(), "bias": convolution.offset().detach()}
        convolution.fuse()
        convolution.grow()
        assert convolution.branches is not None
    torch.testing.assert_close(convolution.kernel(), given["weight"])
    torch.testing.assert_close(convolution.offset(), given["bias"])


BRANCHED = {"name": "conv3x3", "branches": ["ecbsr", "repvgg"]}
SHAPE = SlotShape("body", 6, 6)


def space_with(operation) -> Space:
    return Space.of({"name": "ecbsr", "channels": 6, "body": ["chain"], "operations": {"body": [operation, "conv1x1"]}})


def first_of(space: Space) -> dict[str, Candidate]:
    return {path: candidates[0] for path, candidates in slot_candidates(space, 2).items()}


def test_all_costs_are_those_of_one_convolution() -> None:
    with_branches, without = (space_with(operation) for operation in (BRANCHED, "conv3x3"))
    counts = [count_choices(space, 2, first_of(space), LSQ) for space in (with_branches, without)]
    for cost in costs_with().values():
        assert counts[0].total(cost) == counts[1].total(cost) > 0


def test_a_merged_slot_with_branches_is_the_plain_one() -> None:
    torch.manual_seed(0)
    operations = [Operation.of(o) for o in (BRANCHED, "conv5x5", {"name": "conv3x3g2", "branches": ["span"]})]
    candidates = grid(operations, [Widths(4, 4), Widths(8, 8)], SHAPE)
    plain, merged = (form(SHAPE, candidates, Quantizer.of("noise")).double().eval() for form in (PlainSlot, MergedSlot))
    for slot in (plain, merged):
        grow_branches(slot)
    merged.load_state_dict(plain.state_dict())
    x = torch.rand(1, 6, 8, 8, dtype=torch.float64)
    assert len(merged.merged) == 3
    for slot in (plain, merged):
        slot.probabilities = torch.tensor([0.3, 0, 0.1, 0, 0.6, 0], dtype=torch.float64)
        for module in slot.modules():
            if type(module).__name__.endswith("Mixture"):
                module.forward = lambda tensor, _: tensor
    torch.testing.assert_close(merged(x), plain(x), rtol=1e-9, atol=1e-9)


def test_what_is_found_inherits_the_fused_kernels_of_the_supernet() -> None:
    torch.manual_seed(0)
    space = space_with(BRANCHED)
    supernet = Supernet(space, 2, NONE).double().eval()
    with torch.no_grad():
        for weight in supernet.weights():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    chosen, image = first_of(space), torch.rand(1, 3, 7, 9, dtype=torch.float64)
    found = build_found(space, 2, chosen, NONE).double().eval()
    assert not [name for name, _ in found.named_parameters() if "branches" in name]
    inherit_weights(found, supernet.network, chosen)
    expected = supernet(image, supernet.one_hot(chosen))
    torch.testing.assert_close(found(image), expected, rtol=1e-9, atol=1e-9)
    grow_branches(found)
    assert [name for name, _ in found.named_parameters() if "branches" in name]
    torch.testing.assert_close(found(image), expected, rtol=1e-9, atol=1e-9)

    plain, state = build_found(space, 2, chosen, NONE), fused_state(found)
    plain.double().eval().load_state_dict(state)
    torch.testing.assert_close(plain(image), expected, rtol=1e-9, atol=1e-9)
    fuse_branches(found)
    assert found.state_dict().keys() == state.keys()
    torch.testing.assert_close(found(image), expected, rtol=1e-9, atol=1e-9)


def test_autocast_does_not_round_the_kernels() -> None:
    convolution = grown()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(convolution.kernel(), grown().kernel())
        assert convolution(torch.rand(1, 6, 5, 5)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("operation", "shape", "reason"),
    [
        ({"name": "conv1x1", "branches": "edges"}, SHAPE, "'sobel-x' is 3x3, which a 1x1 kernel can't hold"),
        ({"name": "conv3x3", "branches": "repvgg"}, SlotShape("body", 3, 6), "'identity' can't turn 3 channels into 6"),
        ({"name": "conv2d", "kernel_size": (4, 3), "padding": (1, 1), "branches": "conv1x1"},
         SlotShape("body", 3, 6, keeps_size=False), "a kernel with a centre, and 4x3 is even"),
        ({"name": "native", "branches": "ecbsr"}, SlotShape("body", 6, 6, native="separable3x3"),
         "'separable3x3' can't be trained with branches"),
        ({"name": "native", "branches": "identity"}, SlotShape("body", 3, 6), "can't turn 3 channels into 6"),
        ({"name": "native", "branches": "ecbsr"}, SHAPE, ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(operation, shape, reason) -> None:
    found = Operation.of(operation).unfit(shape)
    assert reason in found and bool(reason) == bool(found)


def test_an_unknown_branch_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValidationError, match=r"^1 validation error[^$]*'conv1x1'.*'repvgg'"):
        Operation.of({"name": "conv3x3", "branches": ["sobel"]})


def test_an_operation_without_branches_is_written_as_before() -> None:
    assert Operation.of("conv3x3").model_dump(mode="json") == {
        "name": "conv3x3",
        "kernel": 3,
        "groups": 1,
        "dilation": 1,
    }
    assert Operation.of("native").model_dump(mode="json") == {"name": "native"}
    for fields in (BRANCHED, {"name": "native", "branches": "span"}):
        operation = Operation.of(fields)
        assert Operation.of(operation.model_dump(mode="json")) == Operation.of(operation.reference()) == operation
    assert Operation.of({"name": "native", "branches": "span"}).label == "native(branches=[span])"
