import pytest
import torch
from torch import nn

from qnas.core.components import ConvShape, Operation, Quantizer, SlotShape
from qnas.core.errors import QnasError
from qnas.core.network.convolution import QuantizedLayers, SlotConv2d
from qnas.core.network.warm import fitting
from qnas.core.network.warm.fitting import fit_operation, share_of_error
from qnas.core.settings import FLOAT


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(fitting, "_STEPS", 10)


def native(kernel=3, groups=1, dilation=1, channels=(6, 4), stride=1):
    torch.manual_seed(1)
    padding = dilation * (kernel // 2)
    shape = ConvShape(*channels, (kernel, kernel), stride, (padding, padding), (dilation, dilation), groups, True)
    convolution = SlotConv2d(shape)
    nn.init.normal_(convolution.bias)
    return convolution.requires_grad_(False)


def fitted(operation, convolution, *, signed=True):
    """The operation fitted to a convolution, and its error on other inputs."""
    slot = SlotShape(
        "body", convolution.in_channels, convolution.out_channels, convolution.stride[0], "none", signed=signed
    )
    inputs = torch.randn(13, slot.in_channels, 16, 16)
    inputs = inputs if signed else inputs.relu()
    module = operation.build(slot, QuantizedLayers(Quantizer.of("none"), FLOAT))
    fit_operation(operation, module, slot, convolution, inputs[:12], convolution(inputs[:12]))
    return module, share_of_error(module, inputs[12:], convolution(inputs[12:]))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("conv5x5", {}),
        ("conv3x3", {"groups": 2}),
        ({"name": "conv3x3", "kernel": 5}, {"dilation": 2}),
        ({"name": "conv3x3", "groups": 2, "kernel": 7}, {"groups": 2, "kernel": 5}),
        ("conv5x5", {"stride": 2}),
    ],
)
def test_a_kernel_with_room_for_the_native_one_computes_the_same(name, of):
    convolution = native(**of)
    module, error = fitted(Operation.of(name), convolution)
    assert error < 1e-12
    assert module.weight.count_nonzero() == convolution.weight.count_nonzero()
    assert torch.equal(module.bias, convolution.bias)


@pytest.mark.parametrize(
    ("name", "of", "signed"),
    [
        ("growth3x3", {}, True),
        ({"name": "growth3x3", "width": 1}, {}, False),
        ({"name": "growth3x3", "channels": 9}, {"channels": (9, 4)}, True),
        ("conv3x1-1x3", {"channels": (2, 6)}, True),
    ],
)
def test_operations_with_room_for_it_are_exact_without_a_step(name, of, signed, monkeypatch):
    monkeypatch.setattr(fitting, "_fit_by_gradient", None)
    assert fitted(Operation.of(name), native(**of), signed=signed)[1] < 1e-9


def test_a_separable_kernel_is_found_again():
    convolution = native()
    depthwise, pointwise = torch.randn(1, 6, 3, 3), torch.randn(4, 6, 1, 1)
    convolution.weight.copy_(depthwise * pointwise)
    assert fitted(Operation.of("separable3x3"), convolution)[1] < 1e-9


@pytest.mark.parametrize("name", ["conv1x1", "conv3x3g2", "separable3x3", "conv3x1-1x3", "narrow3x3", "depthwise3x3"])
@pytest.mark.parametrize("stride", [1, 2])
def test_what_has_no_room_is_better_than_nothing_and_than_fresh(name, stride):
    operation, convolution = Operation.of(name), native(channels=(4, 4), stride=stride)
    slot = SlotShape("body", 4, 4, stride, "none", signed=True)
    fresh = operation.build(slot, QuantizedLayers(Quantizer.of("none"), FLOAT))
    inputs = torch.randn(2, 4, 16, 16)
    assert fitted(operation, convolution)[1] < min(1, share_of_error(fresh, inputs, convolution(inputs)))


def test_an_operation_of_others_learns_by_itself_and_gets_its_last_convolution():
    class Wide(Operation):
        def build(self, slot, layers):
            return nn.Sequential(
                layers.conv(slot.in_channels, 40, 3), layers.activation("prelu"), layers.conv(40, slot.out_channels, 1)
            )

    assert fitted(Wide(name="conv3x3"), native())[1] < 0.2


def test_kernels_of_other_shapes_are_refused_in_one_line():
    class Odd(Operation):
        def build(self, slot, layers):
            return nn.Sequential(layers.conv(slot.in_channels, slot.out_channels, 3))

        def start_from(self, kernel, slot):
            return [kernel[:1]]

    with pytest.raises(QnasError, match=r"start_from of .* returns kernels of \[\(1, 6, 3, 3\)\], its convolutions"):
        fitted(Odd(name="conv3x3"), native())
