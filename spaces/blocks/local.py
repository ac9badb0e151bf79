"""Blocks of three convolutions with attention: RLFN's RLFB, and SPAN's SPAB, whose attention has no parameters."""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from qnas.core.components import Activation, Block, make_activation
from qnas.core.network import Joint, Slot
from qnas.spaces.attention import SpatialAttention

_LENGTH = 3


def _refinements(channels: int, activation: Activation) -> nn.Sequential:
    """Three convolutions with the activation between them."""
    befores: list[Activation] = ["none", *[activation] * (_LENGTH - 1)]
    return nn.Sequential(*(Slot("refine", channels, channels, activation=before) for before in befores))


class RLFB(Block):
    """The residual local feature block (Kong et al. 2022, RLFN).

    Three convolutions, each followed by the activation, and a shortcut; then a 1 x 1 convolution and spatial attention.

    Attributes:
        attention_channels: Channels that the attention computes on.
    """

    roles: ClassVar[tuple[str, ...]] = ("refine", "fusion", "attention")

    attention_channels: PositiveInt = 16

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        return LocalFeature(channels, activation, self.attention_channels)


class LocalFeature(nn.Module):
    """The network of :class:`RLFB`."""

    def __init__(self, channels: int, activation: Activation, attention_channels: int) -> None:
        super().__init__()
        self.refine = _refinements(channels, activation)
        self.activation = make_activation(activation, channels)
        self.joint = Joint()
        self.fuse = Slot("fusion", channels, channels, activation="none", native="conv1x1")
        self.attention = SpatialAttention(channels, attention_channels, depth=1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        refined = self.joint(self.activation(self.refine(features)) + features)
        result: Tensor = self.attention(self.fuse(refined))
        return result


class SPAB(Block):
    """The block of SPAN with parameter-free attention (Wan et al. 2024, Swift Parameter-free Attention Network).

    Three convolutions with the activation between them give r; the block is ``(r + x) * (sigmoid(r) - 1/2)``.
    """

    roles: ClassVar[tuple[str, ...]] = ("refine",)

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        return ParameterFreeAttention(channels, activation)


class ParameterFreeAttention(nn.Module):
    """The network of :class:`SPAB`."""

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        self.refine = _refinements(channels, activation)
        self.joints = nn.ModuleDict({name: Joint() for name in ("sum", "attention", "product")})

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return self.with_first(features)[1]

    def with_first(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) to the output of the first convolution and that of the block, both of the same shape."""
        first = self.refine[0](features)
        refined = self.refine[2](self.refine[1](first))
        total = self.joints["sum"](refined + features)
        attention = self.joints["attention"](torch.sigmoid(refined) - 0.5)
        return first, self.joints["product"](total * attention)
