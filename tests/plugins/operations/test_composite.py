import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import Candidate


def built(name, shape, **fields):
    """An operation in float, its convolutions, and an input that its activation does not change."""
    torch.manual_seed(0)
    module = Candidate(Operation.of({"name": name, **fields}), None).fill(shape, Quantizer.of("none"))
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    return module, convolutions, torch.rand(2, shape.in_channels, 9, 8)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_factorized_is_a_column_then_a_row(kernel):
    module, (column, row), x = built(f"conv{kernel}x1-1x{kernel}", SlotShape("body", 4, 6, 2))
    assert column.weight.shape == (6, 4, kernel, 1)
    assert row.weight.shape == (6, 6, 1, kernel)
    middle = F.conv2d(x, column.weight, column.bias, stride=2, padding=(kernel // 2, 0))
    assert torch.equal(module(x), F.conv2d(middle, row.weight, row.bias, padding=(0, kernel // 2)))


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_separable_is_depthwise_then_pointwise(kernel):
    module, (depthwise, pointwise), x = built(f"separable{kernel}x{kernel}", SlotShape("body", 4, 6, 2))
    assert depthwise.weight.shape == (4, 1, kernel, kernel)
    assert pointwise.weight.shape == (6, 4, 1, 1)
    middle = F.conv2d(x, depthwise.weight, depthwise.bias, stride=2, padding=kernel // 2, groups=4)
    assert torch.equal(module(x), F.conv2d(middle, pointwise.weight, pointwise.bias))


@pytest.mark.parametrize(("name", "middle"), [("growth3x3", 8), ("narrow3x3", 2), ("growth1x1", 8), ("narrow5x5", 2)])
def test_pair_is_two_convolutions_around_a_relu(name, middle):
    module, (first, second), x = built(name, SlotShape("body", 4, 6, 2))
    kernel = int(name[-1])
    assert first.weight.shape == (middle, 4, kernel, kernel)
    assert second.weight.shape == (6, middle, kernel, kernel)
    hidden = F.conv2d(x, first.weight, first.bias, stride=2, padding=kernel // 2).relu()
    assert torch.equal(module(x), F.conv2d(hidden, second.weight, second.bias, padding=kernel // 2))


@pytest.mark.parametrize("name", ["growth3x3", "narrow3x3"])
@pytest.mark.parametrize("channels", [1, 48])
def test_a_pair_may_say_its_middle_in_channels(name, channels):
    _, (first, second), _ = built(name, SlotShape("body", 3, 5), channels=channels)
    assert (first.weight.shape[:2], second.weight.shape[:2]) == ((channels, 3), (5, channels))
    pair = Operation.of({"name": name, "channels": channels})
    assert pair.unfit(SlotShape("body", 3, 5)) == ""
    assert pair.label == f"{name}(channels={channels})"
    assert Operation.of(pair.reference()) == Operation.of(pair.model_dump(mode="json")) == pair


@pytest.mark.parametrize("fields", [{"width": 2}, {"width": 4}])
def test_a_pair_says_its_middle_once(fields):
    with pytest.raises(ValidationError, match="can't be set together with 'width'"):
        Operation.of({"name": "growth3x3", "channels": 48, **fields})
    with pytest.raises(ValidationError, match="must be set if 'width' is null"):
        Operation.of({"name": "growth3x3", "width": None})


@pytest.mark.parametrize("name", ["conv3x1-1x3", "separable3x3"])
def test_an_activation_may_stand_between_the_two(name):
    module, (first, second), x = built(name, SlotShape("body", 4, 6), between="relu")
    around = [{"padding": c.padding, "groups": c.groups} for c in (first, second)]
    hidden = F.conv2d(x, first.weight, first.bias, **around[0]).relu()
    assert torch.equal(module(x), F.conv2d(hidden, second.weight, second.bias, **around[1]))


def test_narrow_pair_does_not_fit_odd_channels():
    assert Operation.of("narrow3x3").unfit(SlotShape("body", 5, 5)) == "0.5 times 5 channels is not a whole number"
    assert Operation.of("narrow3x3").unfit(SlotShape("body", 6, 5)) == ""


@pytest.mark.parametrize("name", ["conv3x1-1x3", "separable3x3", "growth3x3"])
def test_kernels_are_odd(name):
    with pytest.raises(ValidationError, match="kernel"):
        Operation.of({"name": name, "kernel": 4})
