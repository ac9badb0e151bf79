"""A plain chain of convolutions."""

from typing import ClassVar

from pydantic import PositiveInt
from torch import nn

from qnas.core.components import Activation, Block, Count, Original
from qnas.core.network import Slot


class Chain(Block):
    """Convolutions one after the other, each behind the activation; the first one may change the channels.

    Attributes:
        length: Number of convolutions.
        channels: That come out; without it, as many as come in.
        native: The original convolution.
    """

    roles: ClassVar[tuple[str, ...]] = ("body",)

    length: Count = 1
    channels: PositiveInt | None = None
    native: Original = "conv3x3"  # type: ignore[assignment]

    def out_channels(self, channels: int) -> int:
        """See :meth:`qnas.Block.out_channels`."""
        return self.channels or channels

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        out = self.out_channels(channels)
        ins = [channels, *[out] * (self.length - 1)]
        return nn.Sequential(*(Slot("body", c, out, activation=activation, native=self.native) for c in ins))
