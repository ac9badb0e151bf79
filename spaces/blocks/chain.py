"""A plain chain of convolutions."""

from typing import ClassVar

from pydantic import PositiveInt
from torch import nn

from qnas.core.components import Activation, Block, Count, Original
from qnas.core.network import Slot


class Chain(Block):
    """Convolutions in a row, each preceded by the activation; the first one may change the number of channels.

    Attributes:
        length: Number of convolutions.
        channels: Output channels; by default as many as there are input channels.
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
