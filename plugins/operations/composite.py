"""Operations of several convolutions, each reading a quantized input."""

from pydantic import PositiveFloat
from torch import nn

from qnas.core.components import Layers, Operation, SlotShape
from qnas.plugins.operations.odd import OddInt


class Factorized(Operation):
    """A kernel x 1 convolution, then a 1 x kernel one.

    Attributes:
        kernel: Length of both, odd.
    """

    kernel: OddInt = 3

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return nn.Sequential(
            layers.conv(slot.in_channels, slot.out_channels, (self.kernel, 1), stride=slot.stride),
            layers.activation("none"),
            layers.conv(slot.out_channels, slot.out_channels, (1, self.kernel)),
        )


class Separable(Operation):
    """A depthwise convolution, then a 1 x 1 one (Howard et al. 2017, MobileNets).

    Attributes:
        kernel: Height and width of the depthwise convolution, odd.
    """

    kernel: OddInt = 3

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        channels = slot.in_channels
        return nn.Sequential(
            layers.conv(channels, channels, self.kernel, stride=slot.stride, groups=channels),
            layers.activation("none"),
            layers.conv(channels, slot.out_channels, 1),
        )


class Pair(Operation):
    """Two convolutions with a ReLU between, wider (growth) or narrower than the slot in the middle.

    Attributes:
        kernel: Height and width of both, odd.
        width: Channels in the middle, as a multiple of those that come in.
    """

    kernel: OddInt = 3
    width: PositiveFloat = 2

    def unfit(self, slot: SlotShape) -> str:
        """The middle has no whole number of channels."""
        middle = slot.in_channels * self.width
        if middle != int(middle) or middle < 1:
            return f"{self.width:g} times {slot.in_channels} channels is no whole number"
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        middle = int(slot.in_channels * self.width)
        return nn.Sequential(
            layers.conv(slot.in_channels, middle, self.kernel, stride=slot.stride),
            layers.activation("relu"),
            layers.conv(middle, slot.out_channels, self.kernel),
        )
