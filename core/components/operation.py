"""The interface of operations: the candidates of a slot."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import nn

from qnas.core.components.component import Component

Activation = Literal["relu", "none"]
Size = int | tuple[int, int]


@dataclass(frozen=True)
class SlotShape:
    """What an operation is told of the slot that it is built for.

    Attributes:
        role: The part of the network: ``"head"``, ``"body"``, ``"skip"``, ``"upsample"``, ``"tail"``, ...
        in_channels: Channels that come in.
        out_channels: Channels that must come out.
        stride: Height and width come out divided by it.
        activation: What stands before the operation; it decides whether the input is quantized unsigned.
        signed: Whether the slot's input can be negative once the activation has been applied.
        native: The registered operation that the original architecture has here.
    """

    role: str
    in_channels: int
    out_channels: int
    stride: int = 1
    activation: Activation = "relu"
    signed: bool = False
    native: str = "conv3x3"


class Layers(Protocol):
    """Makes the layers of an operation, so that an operation is written once for every life it leads.

    In the found network these are convolutions at one width, in the supernet mixtures over all widths.
    """

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
    ) -> nn.Module:
        """A "same"-padded convolution with quantized weights; its input must be quantized already.

        A slot's input is. Between two convolutions of an operation stands :meth:`activation`.
        """

    def activation(self, activation: Activation) -> nn.Module:
        """An activation whose output is quantized (signed after ``"none"``)."""


class Operation(Component):
    """A candidate of a slot. An author writes :meth:`build`, and :meth:`unfit` where it has limits.

    An operation whose :meth:`build` returns one bare ``layers.conv(...)`` is merged in the supernet: all such
    candidates of a slot together cost one convolution.
    """

    kind = "operation"
    quantized: ClassVar[bool] = True
    """Whether it has anything to quantize; one that has not sees the slot's raw input and has no bit-width."""

    @abstractmethod
    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """A module from (N, in_channels, H, W), quantized, to (N, out_channels, H / stride, W / stride)."""

    def unfit(self, slot: SlotShape) -> str:
        """Why it can't live in ``slot``, or ``""``."""
        del slot
        return ""
