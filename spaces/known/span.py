"""SPAN."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, cast

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from qnas.core.components import Activation, Count, Space, is_signed, make_activation
from qnas.core.network import Joint, Slot
from qnas.spaces.blocks.local import ParameterFreeAttention
from qnas.spaces.skeleton import RGB


class SPAN(Space):
    """SPAN (Wan et al. 2024) in its inference form: each of the convolutions that it trains as several is one.

    As its code computes it, except that the image is not centred and not scaled to 0..255, which changes no count. This
    is SPAN-S; SPAN has 52 channels. ``{name: native, branches: span}`` as operation trains a convolution as several.

    Attributes:
        channels: Width of the network.
        blocks: Number of blocks with parameter-free attention.
        activation: Activation of the network.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("head", "refine", "fusion", "upsample"), ("native",)
    )

    example = {"channels": 8, "blocks": 2}

    channels: PositiveInt = 48
    blocks: Count = 6
    activation: Activation = "silu"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        return SPANNetwork(self.channels, self.blocks, self.activation, scale)


class SPANNetwork(nn.Module):
    """The network of :class:`SPAN`."""

    def __init__(self, channels: int, blocks: int, activation: Activation, scale: int) -> None:
        super().__init__()
        self.head = Slot("head", RGB, channels, activation="none", signed=False)
        self.body = nn.ModuleList(ParameterFreeAttention(channels, activation) for _ in range(blocks))
        self.activation = make_activation(activation)
        self.joint = Joint(is_signed(activation))
        self.last = Slot("fusion", channels, channels, activation="none")
        self.fuse = Slot("fusion", 4 * channels, channels, activation="none", native="conv1x1")
        self.upsample = nn.Sequential(
            Slot("upsample", channels, RGB * scale**2, activation="none"), nn.PixelShuffle(scale)
        )

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        outputs = [self.head(lr_image)]
        for block in cast("Iterable[ParameterFreeAttention]", self.body):
            inside, output = block.with_first(outputs[-1])
            outputs.append(output)
        # Head, body, first block and the first convolution of the last block: (N, 4 * channels, H, W).
        parts = [outputs[0], self.last(outputs[-1]), outputs[1], self.joint(self.activation(inside))]
        result: Tensor = self.upsample(self.fuse(torch.cat(parts, dim=1)))
        return result
