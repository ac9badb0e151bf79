"""Operations that are one convolution; in the supernet they are merged."""

from pydantic import PositiveInt
from torch import nn

from qnas.core.components import Layers, Operation, SlotShape
from qnas.plugins.operations.odd import OddInt


class Convolution(Operation):
    """One zero-padded convolution.

    Attributes:
        kernel: Height and width, odd.
        groups: Groups; must divide the channels on both sides.
        dilation: Distance of the kernel's taps.
    """

    kernel: OddInt = 3
    groups: PositiveInt = 1
    dilation: PositiveInt = 1

    def unfit(self, slot: SlotShape) -> str:
        """Its groups don't divide the slot's channels."""
        if slot.in_channels % self.groups or slot.out_channels % self.groups:
            return f"{self.groups} groups don't divide {slot.in_channels} -> {slot.out_channels} channels"
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return layers.conv(
            slot.in_channels,
            slot.out_channels,
            self.kernel,
            stride=slot.stride,
            groups=self.groups,
            dilation=self.dilation,
        )


class Depthwise(Operation):
    """One depthwise convolution: each channel on its own.

    Attributes:
        kernel: Height and width, odd.
    """

    kernel: OddInt = 3

    def unfit(self, slot: SlotShape) -> str:
        """The channels that come out are no multiple of those that come in."""
        if slot.out_channels % slot.in_channels:
            return f"a depthwise convolution can't turn {slot.in_channels} channels into {slot.out_channels}"
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        channels = slot.in_channels
        return layers.conv(channels, slot.out_channels, self.kernel, stride=slot.stride, groups=channels)
