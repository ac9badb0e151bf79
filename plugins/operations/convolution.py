"""Operations of a single convolution; the supernet merges them."""

from pydantic import NonNegativeInt, PositiveInt
from torch import nn

from qnas.core.components import Layers, Operation, SlotShape, branches_unfit, keeps_size
from qnas.core.settings import Extent
from qnas.plugins.operations.branched import Branched
from qnas.plugins.operations.odd import OddInt

PositivePair = tuple[Extent, Extent]


def groups_unfit(groups: int, slot: SlotShape) -> str:
    """Why ``slot`` can't have so many groups, or ``""``."""
    if slot.in_channels % groups or slot.out_channels % groups:
        return f"{groups} groups don't divide {slot.in_channels} -> {slot.out_channels} channels"
    return ""


class Convolution(Branched):
    """One zero-padded convolution.

    Attributes:
        kernel: Height and width, odd.
        groups: Groups; must divide the channels on both sides.
        dilation: Distance between the kernel's taps.
    """

    kernel: OddInt = 3
    groups: PositiveInt = 1
    dilation: Extent = 1

    def unfit(self, slot: SlotShape) -> str:
        """A reason if the groups don't divide the slot's channels, or a branch does not fit."""
        return groups_unfit(self.groups, slot) or branches_unfit(
            self.branches, (self.kernel, self.kernel), (slot.in_channels, slot.out_channels)
        )

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return layers.conv(
            slot.in_channels,
            slot.out_channels,
            self.kernel,
            stride=slot.stride,
            groups=self.groups,
            dilation=self.dilation,
            branches=self.branches,
        )


class Conv2d(Branched):
    """A convolution with all arguments of PyTorch's, each size as (height, width); the slot sets the stride.

    It represents a convolution of an existing network in its slot.

    Attributes:
        kernel_size: Size of the kernel.
        padding: Padding around the image; by default, an odd kernel is padded to keep the size.
        dilation: Distance between the kernel's taps.
        groups: Groups; must divide the channels on both sides.
        bias: Whether to add a bias.
    """

    kernel_size: PositivePair = (3, 3)
    padding: tuple[NonNegativeInt, NonNegativeInt] | None = None
    dilation: PositivePair = (1, 1)
    groups: PositiveInt = 1
    bias: bool = True

    def unfit(self, slot: SlotShape) -> str:
        """A reason if the groups don't divide the channels, the padding changes the size, or a branch does not fit."""
        if self.padding is None and not all(size % 2 for size in self.kernel_size):
            return "an even kernel needs 'padding'"
        if slot.keeps_size and self.padding is not None:
            kernel = "x".join(map(str, self.kernel_size))
            if not keeps_size(self.kernel_size, self.padding, self.dilation):
                return f"with padding {list(self.padding)} a {kernel} kernel does not keep the size of an image"
        return groups_unfit(self.groups, slot) or branches_unfit(
            self.branches, self.kernel_size, (slot.in_channels, slot.out_channels)
        )

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return layers.conv(
            slot.in_channels,
            slot.out_channels,
            self.kernel_size,
            stride=slot.stride,
            groups=self.groups,
            dilation=self.dilation,
            padding=self.padding,
            bias=self.bias,
            branches=self.branches,
        )


class Depthwise(Operation):
    """One depthwise convolution, which treats each channel separately.

    Attributes:
        kernel: Height and width, odd.
    """

    kernel: OddInt = 3

    def unfit(self, slot: SlotShape) -> str:
        """A reason if the output channels are not a multiple of the input channels."""
        if slot.out_channels % slot.in_channels:
            return f"a depthwise convolution can't turn {slot.in_channels} channels into {slot.out_channels}"
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        channels = slot.in_channels
        return layers.conv(channels, slot.out_channels, self.kernel, stride=slot.stride, groups=channels)
