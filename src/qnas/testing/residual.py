"""The contract of residual connections."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from qnas.core.components import Residual
from qnas.testing.contract import contract
from qnas.testing.failure import told_as
from qnas.testing.gradients import assert_gradients, assert_reached, assert_repeatable
from qnas.testing.network import check_network
from qnas.testing.small import SCALE, composed

_CHANNELS = (1, 6, 7)


def check_residual(reference: Residual | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a residual connection meets its contract, around a convolution and around the blocks of a network.

    It keeps the shape. Gradients that are not all zeros reach the input and every parameter, including those of the
    body; for flat images they are finite too. In evaluation it is deterministic.

    Args:
        reference: A residual connection, its name, or a mapping of its name and fields.
        seed: Seed of the values that it is given.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Residual.of, reference) as residual:
        for channels in _CHANNELS:
            with told_as(f"with {channels} channels"):
                torch.manual_seed(seed)
                _check_alone(residual, channels)
        with told_as("in a network"):
            blocks = ({"block": name, "residual": residual} for name in ("residual", "basic-cell"))
            check_network(composed(*blocks), SCALE)


def _check_alone(residual: Residual, channels: int) -> None:
    def make() -> nn.Module:
        return residual.wrap(_body(channels), channels)

    body = _body(channels)
    wrapped = residual.wrap(body, channels)
    assert body in wrapped.modules(), "it leaves out the body that it wraps"
    features = torch.randn(2, channels, 9, 7)
    output = wrapped(features)
    assert output.shape == features.shape, f"it turns {tuple(features.shape)} into {tuple(output.shape)}"
    assert output.isfinite().all(), "its output has values that are not finite"
    assert_reached(make, lambda: torch.randn_like(features).requires_grad_())
    with told_as("given a flat image"):
        flat = torch.full_like(features, 0.5, requires_grad=True)
        assert_gradients(wrapped, lambda: wrapped(flat), input=flat)
    assert_repeatable(wrapped, lambda: wrapped(features))


def _body(channels: int) -> nn.Module:
    return nn.Conv2d(channels, channels, 3, padding=1)
