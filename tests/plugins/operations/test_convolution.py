import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import Candidate


def float_module(reference, shape):
    torch.manual_seed(0)
    return Candidate(Operation.of(reference), None).fill(shape, Quantizer.of("none"))


@pytest.mark.parametrize(("name", "kernel", "groups"), [("conv1x1", 1, 1), ("conv3x3g3", 3, 3), ("conv7x7g2", 7, 2)])
def test_registered_names_say_kernel_and_groups(name, kernel, groups):
    module = float_module(name, SlotShape("body", 6, 12, 2))
    convolution = module.operation
    features = torch.randn(1, 6, 9, 9)
    assert convolution.weight.shape == (12, 6 // groups, kernel, kernel)
    expected = F.conv2d(
        features.relu(), convolution.weight, convolution.bias, stride=2, padding=kernel // 2, groups=groups
    )
    assert torch.equal(module(features), expected)


def test_dilation_spreads_the_taps():
    module = float_module({"name": "conv3x3", "dilation": 3}, SlotShape("body", 2, 2))
    image = torch.zeros(1, 2, 13, 13)
    image[0, 0, 6, 6] = 1
    response = (module(image) - module(torch.zeros_like(image))).abs().sum(dim=(0, 1))
    assert sorted(map(tuple, response.nonzero().tolist())) == [(y, x) for y in (3, 6, 9) for x in (3, 6, 9)]


def test_depthwise_channels_do_not_mix():
    module = float_module("depthwise3x3", SlotShape("body", 3, 6))
    image = torch.zeros(1, 3, 5, 5)
    image[0, 1] = 1
    response = (module(image) - module(torch.zeros_like(image))).abs().amax(dim=(0, 2, 3))
    assert response.nonzero().flatten().tolist() == [2, 3]


@pytest.mark.parametrize(
    ("reference", "channels", "reason"),
    [
        ("conv3x3g3", (3, 8), "3 groups don't divide 3 -> 8 channels"),
        ("conv3x3g2", (3, 4), "2 groups don't divide 3 -> 4 channels"),
        ("depthwise3x3", (4, 6), "a depthwise convolution can't turn 4 channels into 6"),
        ("depthwise3x3", (6, 3), "a depthwise convolution can't turn 6 channels into 3"),
        ("conv3x3g3", (3, 6), ""),
        ("depthwise3x3", (3, 6), ""),
    ],
)
def test_says_why_it_does_not_fit(reference, channels, reason):
    assert Operation.of(reference).unfit(SlotShape("body", *channels)) == reason


@pytest.mark.parametrize("name", ["conv", "depthwise3x3"])
@pytest.mark.parametrize("kernel", [4, 0, -3])
def test_kernels_are_odd_and_positive(name, kernel):
    with pytest.raises(ValidationError, match="kernel"):
        Operation.of({"name": name, "kernel": kernel})
