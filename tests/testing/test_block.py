"""The contract of blocks: each way to break it is told."""

import pytest
import torch
from torch import nn

from qnas.core.components import Block, Residual
from qnas.core.network import Slot
from qnas.testing import check_block


class Single(Block):
    """Keeps it; most others break it by one thing."""

    def build(self, channels, activation):
        return Slot("body", channels, channels, activation=activation)


class Shuffle(Block):
    """Keeps it: it fits few widths, has a role of its own and gives more channels."""

    roles = ("squeeze",)

    def unfit(self, channels):
        return f"16 does not divide {channels}" if channels % 16 else ""

    def out_channels(self, channels):
        return 2 * channels

    def build(self, channels, activation):
        return Slot("squeeze", channels, 2 * channels, activation=activation, native="conv1x1")


class Behind(nn.Module):
    """A module, and what is done with its output."""

    def __init__(self, inner, then):
        super().__init__()
        self.inner = inner
        self.then = then

    def forward(self, features):
        return self.then(self.inner(features))


class Silent(Single):
    def unfit(self, channels):
        return None


class Nowhere(Single):
    def unfit(self, channels):
        return f"not {channels}"


class Unstated(Single):
    def build(self, channels, activation):
        return Slot("skip", channels, channels, activation=activation)


class Unnatural(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels, activation=activation, native="conv3x3g2")


class Wider(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels + 1, activation=activation)


class Smaller(Single):
    def build(self, channels, activation):
        return Behind(super().build(channels, activation), lambda x: x[..., 1:])


class SmallestIsTwelve(Single):
    def build(self, channels, activation):
        return Behind(super().build(channels, activation), lambda x: x / (x.shape[-1] >= 12))


class Twofold(Single):
    def build(self, channels, activation):
        module = Behind(super().build(channels, activation), lambda x: x)
        module.forward = lambda x: module.inner(x) if x.is_meta else (module.inner(x) + module.inner(x)) / 2
        return module


class Unsigned(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels, activation=activation, signed=False)


class Unread(Single):
    def build(self, channels, activation):
        module = Behind(super().build(channels, activation), lambda x: x)
        module.gain = nn.Parameter(torch.ones(1))
        return module


class Detached(Single):
    def build(self, channels, activation):
        return nn.Sequential(
            Behind(nn.Identity(), torch.Tensor.detach), nn.PReLU(), super().build(channels, activation)
        )


class Random(Single):
    def build(self, channels, activation):
        return Behind(super().build(channels, activation), lambda x: x + torch.randn_like(x))


class Unfitting(Shuffle):
    """Its own residual can't add what it gives to what it is given."""

    residual: Residual = "plain"


class Crashing(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels, activation={"relu": activation}[activation])


@pytest.mark.parametrize("component", [Single, Shuffle])
def test_one_that_keeps_it_passes(registered, component):
    check_block(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Silent, "with 3 channels: unfit gives None, no text"),
        (Nowhere, r"it fits none of \(3, 4, .*\) channels; 64: not 64"),
        (Unstated, "its slot 'block' has the role 'skip', which it does not state"),
        (Unnatural, "its slot 'block' can't hold its original operation: 2 groups don't divide 3 -> 3 channels"),
        (Wider, r"^the block 'wider': with 3 .*: its output is \(2, 4, 17, 22\), not \(2, 3, 17, 22\)$"),
        (Smaller, r"its output is \(2, 3, 17, 21\), not \(2, 3, 17, 22\)"),
        (SmallestIsTwelve, "its output has values that are not finite"),
        (Twofold, "BitOps are counted of a network that has"),
        (
            Unsigned,
            "with 3 channels and prelu: its slot 'block' reads -.*, and says that what it reads is never negative",
        ),
        (Unread, "no gradient reaches block.gain"),
        (Detached, "no gradient reaches its input"),
        (Random, "in evaluation it does not give the same again"),
        (
            Unfitting,
            "in a network: body.0: 'unfitting' can't stand here: its plain residual can't add 16",
        ),
        (Crashing, "with 3 channels and prelu: KeyError"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_block(registered(component))
