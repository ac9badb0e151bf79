"""The contract of blocks: each way to break it is reported."""

import pytest
import torch
from torch import nn

from qnas.core.components import Block, Residual
from qnas.core.network import Slot
from qnas.testing import check_block

from . import broken
from .broken import Behind, attended, mixed, related


class Single(Block):
    """Meets the contract; most others break one thing."""

    def build(self, channels, activation):
        return Slot("body", channels, channels, activation=activation)


class Shuffle(Block):
    """Meets the contract: it fits few widths, has a role of its own and gives more channels."""

    roles = ("squeeze",)

    def unfit(self, channels):
        return f"16 does not divide {channels}" if channels % 16 else ""

    def out_channels(self, channels):
        return 2 * channels

    def build(self, channels, activation):
        return Slot("squeeze", channels, 2 * channels, activation=activation, native="conv1x1")


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


class Unsigned(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels, activation=activation, signed=False)


class Detached(Single):
    def build(self, channels, activation):
        return nn.Sequential(
            Behind(nn.Identity(), torch.Tensor.detach), nn.PReLU(), super().build(channels, activation)
        )


class Blind(Single):
    """Ignores its input, though a gradient of zeros reaches it."""

    def build(self, channels, activation):
        return nn.Sequential(
            Behind(nn.Identity(), lambda x: torch.ones_like(x) + 0 * x), super().build(channels, "none")
        )


class Mixed(Single):
    def build(self, channels, activation):
        return Behind(super().build(channels, activation), mixed, weight=torch.eye(channels))


class Attentive(Single):
    """Meets the contract: no layer multiplies features with each other."""

    def build(self, channels, activation):
        return Behind(super().build(channels, activation), lambda x: related(attended(x)))


class Unfitting(Shuffle):
    """Its own residual can't add its output to its input."""

    residual: Residual = "plain"


class Crashing(Single):
    def build(self, channels, activation):
        return Slot("body", channels, channels, activation={"relu": activation}[activation])


@pytest.mark.parametrize("component", [Single, Shuffle, Attentive])
def test_one_that_keeps_it_passes(registered, component):
    check_block(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Mixed, broken.HIDDEN),
        (Unstated, "its slot 'block' has the role 'skip', which roles does not list"),
        (Unnatural, "its slot 'block' can't hold its original operation: 2 groups don't divide 3 -> 3 channels"),
        (Wider, r"^the block 'wider': with 3 .*: its output is \(2, 4, 17, 22\), not \(2, 3, 17, 22\)$"),
        (Smaller, r"its output is \(2, 3, 17, 21\), not \(2, 3, 17, 22\)"),
        (SmallestIsTwelve, "its output has values that are not finite"),
        (
            Unsigned,
            "with 3 channels and prelu: its slot 'block' reads -.*, but says that its input is never negative",
        ),
        (Detached, "no gradient reaches its input"),
        (Blind, "with 64 channels and relu at 32 bits: the gradient of its input is zero"),
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


@pytest.mark.parametrize(("around", "message"), broken.MODULES.values(), ids=broken.MODULES)
def test_a_broken_module_is_told(registered, around, message):
    class Around(Single):
        def build(self, channels, activation):
            return around(super().build(channels, activation))

    with pytest.raises(AssertionError, match=f"channels and relu.*: {message}"):
        check_block(registered(Around))


@pytest.mark.parametrize(("answer", "message"), broken.UNFIT.values(), ids=broken.UNFIT)
def test_one_that_fits_nowhere_is_told(registered, answer, message):
    class Nowhere(Single):
        def unfit(self, channels):
            return answer

    with pytest.raises(AssertionError, match=message):
        check_block(registered(Nowhere))
