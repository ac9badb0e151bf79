"""The contract of operations: each way to break it is reported."""

from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import Operation, Unquantized
from qnas.testing import check_operation

from . import broken
from .broken import Behind, attended, mixed


class Single(Operation):
    """Meets the contract; most others break one thing."""

    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels, 3, stride=slot.stride)


class Squared(Operation):
    """Meets the contract, in slots of its own."""

    def unfit(self, slot):
        return "" if slot.role == "skip" and slot.stride == 1 else "it keeps channels and size"

    def build(self, slot, layers):
        first, second = (layers.conv(slot.in_channels, slot.out_channels, 1) for _ in range(2))
        return nn.Sequential(first, layers.activation("silu"), second)


class Nothing(Operation):
    """Meets the contract: a float one without parameters."""

    quantized: ClassVar[bool] = False

    def unfit(self, slot):
        return "" if slot.in_channels == slot.out_channels else "it keeps the channels"

    def build(self, slot, layers):
        return nn.AvgPool2d(3, slot.stride, 1)


class Wider(Operation):
    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels + 1, 3, stride=slot.stride)


class Strideless(Operation):
    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels, 3)


class Unquantized3x3(Operation):
    def build(self, slot, layers):
        return nn.Conv2d(slot.in_channels, slot.out_channels, 3, slot.stride, 1)


class Transposed(Single):
    def build(self, slot, layers):
        return nn.Sequential(super().build(slot, layers), nn.ConvTranspose2d(slot.out_channels, slot.out_channels, 1))


class Dense(Operation):
    """A 1 x 1 convolution that is not called one."""

    quantized: ClassVar[bool] = False

    def unfit(self, slot):
        return "" if slot.stride == 1 else "it keeps the size"

    def build(self, slot, layers):
        linear = nn.Linear(slot.in_channels, slot.out_channels)
        return nn.Sequential(
            Behind(nn.Identity(), lambda x: x.movedim(1, -1)), Behind(linear, lambda x: x.movedim(-1, 1))
        )


class Mixed(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), mixed, weight=torch.eye(slot.out_channels))


class Multiplied(Single):
    """As a linear layer does it."""

    def build(self, slot, layers):
        def multiplied(features, weight, bias):
            return F.linear(features.movedim(1, -1), weight, bias).movedim(-1, 1)

        channels = slot.out_channels
        return Behind(super().build(slot, layers), multiplied, weight=torch.eye(channels), bias=torch.ones(channels))


class Attentive(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), attended)


class Wordy(Single):
    def build(self, slot, layers):
        return nn.Sequential(super().build(slot, layers), layers.conv(slot.out_channels, slot.out_channels, 1))


class Precise(Single):
    def build(self, slot, layers):
        convolution = super().build(slot, layers)
        convolution.weight_quantizer = Unquantized()
        return convolution


class Idle(Single):
    def build(self, slot, layers):
        module = Behind(super().build(slot, layers), lambda x: x)
        module.other = layers.conv(1, 1, 1)
        return module


class Hooked(Single):
    """A single bare convolution with a part that merging leaves out."""

    def build(self, slot, layers):
        convolution = super().build(slot, layers)
        convolution.register_forward_hook(lambda _, __, output: 2 * output)
        return convolution


class Secretive(Single):
    quantized: ClassVar[bool] = False


class Boastful(Nothing):
    quantized: ClassVar[bool] = True


class Detached(Single):
    def build(self, slot, layers):
        return nn.Sequential(Behind(nn.Identity(), torch.Tensor.detach), super().build(slot, layers))


class Activating(Single):
    """Acts in place on its input, which others read too."""

    def build(self, slot, layers):
        return nn.Sequential(nn.ReLU(inplace=True), super().build(slot, layers))


class Constant(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), lambda x: 0 * x)


class Steep(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), lambda x: (x - x).sqrt())


class Crashing(Single):
    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels, 3, stride=slot.stride, groups=2)


@pytest.mark.parametrize("component", [Single, Squared, Nothing])
def test_one_that_keeps_it_passes(registered, component):
    check_operation(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Wider, r"in a body slot of 6 -> 6 .*: its output is \(2, 7, 9, 7\), not \(2, 6, 9, 7\)$"),
        (Strideless, r"with stride 2 .*: its output is \(2, 6, 9, 7\), not \(2, 6, 5, 4\)$"),
        (Unquantized3x3, "its Conv2d is not made by layers.conv"),
        (Transposed, "its ConvTranspose2d is not made by layers.conv"),
        (Dense, "its Linear is not made by layers.conv"),
        (Mixed, broken.HIDDEN),
        (Multiplied, broken.HIDDEN),
        (Attentive, broken.HIDDEN),
        (Wordy, r"a convolution reads \d+ different values at 3 bits: put layers.activation between"),
        (Precise, r"a convolution has 54 different weights at 2 bits"),
        (Idle, "one of its convolutions never runs"),
        (Hooked, "merged with other operations in the supernet, its output is different"),
        (Secretive, "it has a convolution, but says that it has nothing to quantize"),
        (Boastful, "it has no convolution, so it should set quantized = False"),
        (Activating, "it changes its input in place"),
        (Detached, "no gradient reaches activation.quantizer.log_step"),
        (Constant, "the gradient of activation.quantizer.log_step is zero"),
        (Steep, "the gradient of .* is not finite"),
        (Crashing, "in a body slot of 5 -> 7 channels .*: ValueError: in_channels must be divisible by groups"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_operation(registered(component))


@pytest.mark.parametrize(("around", "message"), broken.MODULES.values(), ids=broken.MODULES)
def test_a_broken_module_is_told(registered, around, message):
    class Around(Single):
        def build(self, slot, layers):
            return around(super().build(slot, layers))

    with pytest.raises(AssertionError, match=f"in a body slot of 6 -> 6 channels with stride 1 after relu: {message}"):
        check_operation(registered(Around))


@pytest.mark.parametrize(("answer", "message"), broken.UNFIT.values(), ids=broken.UNFIT)
def test_one_that_fits_nowhere_is_told(registered, answer, message):
    class Nowhere(Single):
        def unfit(self, slot):
            return answer

    with pytest.raises(AssertionError, match=message):
        check_operation(registered(Nowhere))
