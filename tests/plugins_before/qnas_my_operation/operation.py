"""An operation: a candidate of a slot."""

from pydantic import PositiveInt
from torch import nn

import qnas


class MyOperation(qnas.Operation):
    """A grouped convolution, then a shuffle of the channels.

    After Zhang et al. 2018, ShuffleNet, arXiv 1707.01083.

    Attributes:
        groups: Must divide the channels on both sides.
    """

    groups: PositiveInt = 2

    def unfit(self, slot: qnas.SlotShape) -> str:
        """The groups don't divide the channels."""
        if slot.in_channels % self.groups or slot.out_channels % self.groups:
            channels = f"{slot.in_channels} -> {slot.out_channels} channels"
            return f"{self.groups} groups don't divide {channels}"
        return ""

    def build(self, slot: qnas.SlotShape, layers: qnas.Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return nn.Sequential(
            layers.conv(
                slot.in_channels,
                slot.out_channels,
                3,
                stride=slot.stride,
                groups=self.groups,
            ),
            nn.ChannelShuffle(self.groups),
        )
