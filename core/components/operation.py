"""The interface of operations: the candidates of a slot."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator
from torch import Tensor, nn

from qnas.core.components.activation import Activation, is_signed
from qnas.core.components.branches import Branch
from qnas.core.components.component import Component

Pair = tuple[int, int]
Size = int | Pair
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


@dataclass(frozen=True)
class SlotShape:
    """The slot that an operation is built for.

    Attributes:
        role: The part of the network: ``"head"``, ``"body"``, ``"skip"``, ``"upsample"``, ``"tail"``, ...
        in_channels: Channels that come in.
        out_channels: Channels that must come out.
        stride: Height and width come out divided by it.
        activation: What stands before the operation.
        signed: Whether the slot's input can be negative once the activation has been applied.
        native: The operation that the original architecture has here, or its registered name.
        keeps_size: Whether height and width come out as a zero-padded "same" convolution gives them. If not, only
            the native operation fits.
        padding_mode: How the convolutions in the slot continue an image beyond its edge.
        bias: Whether the convolutions in the slot may add a bias.
    """

    role: str
    in_channels: int
    out_channels: int
    stride: int = 1
    activation: Activation = "relu"
    signed: bool = False
    native: "Operation | str" = "conv3x3"
    keeps_size: bool = True
    padding_mode: PaddingMode = "zeros"
    bias: bool = True

    @property
    def entrance(self) -> str:
        """What comes in, in words: ``24 channels, relu``, ``3 channels, none, signed``."""
        return f"{self.in_channels} channels, {self.activation}" + ", signed" * self.signed


@dataclass(frozen=True)
class ConvShape:
    """The arguments of a convolution, each size as (height, width).

    Its kernel may be trained as the sum of those of ``branches`` (see :mod:`qnas.core.network.branches`).
    """

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: int
    padding: Pair
    dilation: Pair
    groups: int
    bias: bool
    branches: tuple[Branch, ...] = ()


class Layers(ABC):
    """Makes the layers of an operation, so that an operation is written once for every life it leads.

    In the found network these are convolutions at one width, in the supernet mixtures over all widths.

    Attributes:
        bias: Whether its convolutions may add a bias.
    """

    bias: bool = True

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: int = 1,
        groups: int = 1,
        dilation: Size = 1,
        padding: Size | None = None,
        bias: bool = True,
        branches: Sequence[Branch] = (),
    ) -> nn.Module:
        """A convolution with quantized weights; its input must be quantized already.

        A slot's input is. Between two convolutions of an operation stands :meth:`activation`. In a space without
        biases it has none, whatever ``bias`` says. In training, ``branches`` are added to its kernel.

        Raises:
            ValueError: The kernel is even and no padding is given: without one it is padded to keep the size.
        """
        size, spread = _pair(kernel_size), _pair(dilation)
        around = same_padding(size, spread) if padding is None else _pair(padding)
        has_bias = bias and self.bias
        shape = ConvShape(in_channels, out_channels, size, stride, around, spread, groups, has_bias, tuple(branches))
        return self.make_conv(shape)

    def activation(self, activation: Activation, channels: int = 1) -> nn.Module:
        """An activation whose output is quantized, signed where it can be negative.

        That with a slope for each of its ``channels`` has one for all where none are stated.
        """
        return self.input_activation(activation, is_signed(activation), channels)

    @abstractmethod
    def make_conv(self, shape: ConvShape) -> nn.Module:
        """The convolution of that shape."""

    @abstractmethod
    def input_activation(self, activation: Activation, signed: bool, channels: int = 1) -> nn.Module:
        """The quantized activation at a slot's entrance, whose sign and channels the slot knows."""


class Operation(Component):
    """A candidate of a slot. An author writes :meth:`build`, and :meth:`unfit` where it has limits.

    An operation whose :meth:`build` returns one bare ``layers.conv(...)`` that keeps the size is merged in the
    supernet: all such candidates of a slot together cost one convolution.
    """

    kind = "operation"
    quantized: ClassVar[bool] = True
    """Whether it has anything to quantize; one that has not sees the slot's raw input and has no bit-width."""
    is_native: ClassVar[bool] = False
    """Whether it is what the architecture had in the slot: it fits any slot, and takes over the slot's weights."""

    @abstractmethod
    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """A module from (N, in_channels, H, W), quantized, to (N, out_channels, H / stride, W / stride)."""

    def start_from(self, kernel: Tensor, slot: SlotShape) -> Sequence[Tensor]:
        """The kernels of its convolutions with which it comes close to the convolution that stood in ``slot``.

        They are where a fit to that convolution's inputs and outputs begins, which also finds the biases. An operation
        of one convolution needs none, nor does one whose fresh weights are a good beginning: by default there are none.

        Args:
            kernel: (out_channels, in_channels, K_h, K_w) of that convolution, odd and centred on the pixel that is
                computed; zeros stand for what dilation and groups leave out.
            slot: The slot.

        Returns:
            The kernel of each convolution, in the order that :meth:`build` makes them; or none at all.
        """
        del kernel, slot
        return ()

    def unfit(self, slot: SlotShape) -> str:
        """Why it can't live in ``slot``, or ``""``."""
        del slot
        return ""

    def is_quantized_in(self, slot: SlotShape) -> bool:
        """Whether it has anything to quantize in ``slot``."""
        del slot
        return self.quantized


def _original(operation: Operation) -> Operation:
    if operation.is_native:
        raise ValueError(f"'{operation.label}' stands for what an architecture has: say what that is")
    return operation


Original = Annotated[Operation, AfterValidator(_original)]
"""An operation that an architecture has by nature."""


def keeps_size(kernel_size: Pair, padding: Pair, dilation: Pair) -> bool:
    """Whether a convolution keeps height and width at stride 1."""
    is_odd = kernel_size[0] % 2 == kernel_size[1] % 2 == 1
    return is_odd and padding == same_padding(kernel_size, dilation)


def same_padding(kernel_size: Pair, dilation: Pair) -> Pair:
    """The padding that keeps height and width at stride 1.

    Raises:
        ValueError: The kernel is even: no padding does.
    """
    if not (kernel_size[0] % 2 and kernel_size[1] % 2):
        raise ValueError(f"a 'same' convolution needs odd kernel sizes (got {kernel_size})")
    return dilation[0] * (kernel_size[0] // 2), dilation[1] * (kernel_size[1] // 2)


def _pair(size: Size) -> Pair:
    return (size, size) if isinstance(size, int) else size
