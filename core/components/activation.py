"""Activations by name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from torch import nn

Activation = Literal["none", "relu", "leaky-relu", "prelu", "channel-prelu", "silu", "tanh"]

_LEAK = 0.05  # of all of RFDN, IMDN and RLFN
_MODULES: Mapping[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "leaky-relu": partial(nn.LeakyReLU, _LEAK),
    "prelu": nn.PReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def make_activation(name: Activation, channels: int = 1) -> nn.Module:
    """The activation of that name, for features of so many channels.

    ``leaky-relu`` has a slope of 0.05, ``prelu`` one learned slope, ``channel-prelu`` one for each channel.
    """
    return nn.PReLU(channels) if name == "channel-prelu" else _MODULES[name]()


def is_signed(name: Activation) -> bool:
    """Whether values can be negative after it."""
    return name != "relu"
