"""The contract of losses: each way to break it is reported."""

import pytest
import torch

from qnas.core.components import Loss
from qnas.testing import check_loss


class Kept(Loss):
    """Meets the contract."""

    def measure(self, enlarged, target):
        return (enlarged - target).square().mean() + 1


class Rooted(Loss):
    """Its gradient is not finite where both are equal."""

    def measure(self, enlarged, target):
        return (enlarged - target).square().mean().sqrt()


class PerImage(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).abs().mean(dim=(1, 2, 3))


class Number(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).abs().mean().item()


class Half(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).abs().mean().bfloat16()


class Similarity(Loss):
    """The wrong way round."""

    def measure(self, enlarged, target):
        return -(enlarged - target).abs().mean()


class Detached(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).detach().abs().mean()


class Levels(Loss):
    """No difference of less than a level counts."""

    def measure(self, enlarged, target):
        return ((enlarged - target) * 8).round().abs().mean() + 0 * enlarged.sum()


class Random(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).abs().mean() + torch.rand(())


class Clamping(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target.sub_(0.1)).abs().mean()


class Large(Loss):
    def measure(self, enlarged, target):
        return (enlarged[..., 8:, :] - target[..., 8:, :]).abs().mean()


def test_one_that_keeps_it_passes(registered):
    check_loss(registered(Kept))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Rooted, "equal to its target: its gradient is not finite"),
        (PerImage, r"it has shape \(1,\), but must be a scalar"),
        (Number, "it is 0.0, which is not a tensor"),
        (Half, "it is in torch.bfloat16, not in float32"),
        (Similarity, "differs much from its target: it is -.*, but .* where both are equal"),
        (Detached, "no gradient passes through it"),
        (Levels, "its gradient is zero everywhere"),
        (Random, "it is .* at first and .* then"),
        (Clamping, "it changes the images"),
        (Large, "^the loss 'large': on one small odd image that is equal to its target: it is nan"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_loss(registered(component))
