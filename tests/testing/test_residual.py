"""The contract of residual connections: each way to break it is reported."""

import pytest
import torch
from torch import nn

from qnas.core.components import Residual
from qnas.testing import check_residual


class Around(nn.Module):
    """Something done to a module's input and output."""

    def __init__(self, body, join):
        super().__init__()
        self.body = body
        self.join = join

    def forward(self, features):
        return self.join(features, self.body(features))


class Halved(Residual):
    """Meets the contract."""

    def wrap(self, body, channels):
        return Around(body, lambda x, y: x + y / 2)


class Left(Residual):
    def wrap(self, body, channels):
        return nn.Identity()


class Ignored(Residual):
    def wrap(self, body, channels):
        return Around(body, lambda x, _: 2 * x)


class Concatenated(Residual):
    def wrap(self, body, channels):
        return Around(body, lambda x, y: torch.cat([x, y], dim=1))


class Infinite(Residual):
    def wrap(self, body, channels):
        return Around(body, lambda x, y: x + y / 0)


class Zero(Residual):
    def wrap(self, body, channels):
        return Around(body, lambda x, y: x + 0 * y)


class Detached(Residual):
    def wrap(self, body, channels):
        return nn.Sequential(Around(nn.Identity(), lambda _, x: x.detach()), body)


class Steep(Residual):
    """The deviation of a flat image is zero, where the root has no gradient."""

    def wrap(self, body, channels):
        module = Around(body, lambda x, y: x + module.gain * y * x.var(dim=(1, 2, 3), keepdim=True).sqrt())
        module.gain = nn.Parameter(torch.ones(1))
        return module


class Random(Residual):
    def wrap(self, body, channels):
        return Around(body, lambda x, y: x + y * torch.rand_like(y))


class Narrow(Residual):
    """Works with one convolution only."""

    def wrap(self, body, channels):
        assert body.kernel_size
        return Around(body, torch.add)


def test_one_that_keeps_it_passes(registered):
    check_residual(registered(Halved))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Left, "^the residual 'left': with 1 channels: it leaves out the body that it wraps$"),
        (Ignored, "no gradient reaches body.weight"),
        (Concatenated, r"it turns \(2, 1, 9, 7\) into \(2, 2, 9, 7\)"),
        (Infinite, "its output has values that are not finite"),
        (Zero, "the gradient of body.weight is zero"),
        (Detached, "no gradient reaches its input"),
        (Steep, "given a flat image: the gradient of its input is not finite"),
        (Random, "in evaluation it is not deterministic"),
        (Narrow, "in a network: AttributeError: 'Sequential' object has no attribute 'kernel_size'"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_residual(registered(component))
