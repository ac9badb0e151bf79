"""The contract of operations: each way to break it is told."""

from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import Operation, Unquantized
from qnas.testing import check_operation


class Single(Operation):
    """Keeps it; most others break it by one thing."""

    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels, 3, stride=slot.stride)


class Squared(Operation):
    """Keeps it, in slots of its own."""

    def unfit(self, slot):
        return "" if slot.role == "skip" and slot.stride == 1 else "it keeps channels and size"

    def build(self, slot, layers):
        first, second = (layers.conv(slot.in_channels, slot.out_channels, 1) for _ in range(2))
        return nn.Sequential(first, layers.activation("silu"), second)


class Nothing(Operation):
    """Keeps it: a float one without parameters."""

    quantized: ClassVar[bool] = False

    def unfit(self, slot):
        return "" if slot.in_channels == slot.out_channels else "it keeps the channels"

    def build(self, slot, layers):
        return nn.AvgPool2d(3, slot.stride, 1)


class Behind(nn.Module):
    """A module, and what is done with its output."""

    def __init__(self, inner, then):
        super().__init__()
        self.inner = inner
        self.then = then

    def forward(self, features):
        return self.then(self.inner(features))


class Wider(Operation):
    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels + 1, 3, stride=slot.stride)


class Strideless(Operation):
    def build(self, slot, layers):
        return layers.conv(slot.in_channels, slot.out_channels, 3)


class Infinite(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), lambda x: x / 0)


class Unquantized3x3(Operation):
    def build(self, slot, layers):
        return nn.Conv2d(slot.in_channels, slot.out_channels, 3, slot.stride, 1)


class Transposed(Single):
    def build(self, slot, layers):
        return nn.Sequential(super().build(slot, layers), nn.ConvTranspose2d(slot.out_channels, slot.out_channels, 1))


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


class Hidden(Single):
    def build(self, slot, layers):
        kernel = torch.ones(slot.out_channels, slot.out_channels, 1, 1)
        return Behind(super().build(slot, layers), lambda x: F.conv2d(x, kernel.to(x)))


class Twofold(Single):
    """Runs twice where values are real, once where they are not."""

    def build(self, slot, layers):
        module = Behind(super().build(slot, layers), lambda x: x)
        module.forward = lambda x: module.inner(x) if x.is_meta else (module.inner(x) + module.inner(x)) / 2
        return module


class Hooked(Single):
    """One bare convolution, of which merging leaves a part out."""

    def build(self, slot, layers):
        convolution = super().build(slot, layers)
        convolution.register_forward_hook(lambda _, __, output: 2 * output)
        return convolution


class Secretive(Single):
    quantized: ClassVar[bool] = False


class Boastful(Nothing):
    quantized: ClassVar[bool] = True


class Silent(Single):
    def unfit(self, slot):
        return None


class Nowhere(Single):
    def unfit(self, slot):
        return "it is not for you"


class Random(Single):
    def build(self, slot, layers):
        return Behind(super().build(slot, layers), lambda x: x + torch.randn_like(x))


class Unread(Single):
    def build(self, slot, layers):
        module = Behind(super().build(slot, layers), lambda x: x)
        module.gain = nn.Parameter(torch.ones(1))
        return module


class Detached(Single):
    def build(self, slot, layers):
        return nn.Sequential(Behind(nn.Identity(), torch.Tensor.detach), super().build(slot, layers))


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
        (Infinite, "its output has values that are not finite"),
        (Unquantized3x3, "its Conv2d is not made by layers.conv"),
        (Transposed, "its ConvTranspose2d is not made by layers.conv"),
        (Wordy, r"a convolution reads \d+ different values at 3 bits: what comes between"),
        (Precise, r"a convolution holds 54 different weights at 2 bits"),
        (Idle, "one of its convolutions never runs"),
        (Hidden, r"its layers multiply \d+ times, its convolutions \d+: one is in no layer"),
        (Twofold, "BitOps are counted of a network that has"),
        (Hooked, "merged with other operations in the supernet, it does something else"),
        (Secretive, "it has a convolution, and says that it has nothing to quantize"),
        (Boastful, "it has no convolution: it should say quantized = False"),
        (Silent, "unfit gives None, no text"),
        (Nowhere, "it fits none of 16 usual slots; the first: it is not for you"),
        (Random, "in evaluation it does not give the same again"),
        (Unread, "no gradient reaches operation.gain"),
        (Detached, "no gradient reaches activation.quantizer.log_step"),
        (Constant, "the gradient of activation.quantizer.log_step is zero"),
        (Steep, "the gradient of .* is not finite"),
        (Crashing, "in a body slot of 5 -> 7 channels .*: ValueError: in_channels must be divisible by groups"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_operation(registered(component))
