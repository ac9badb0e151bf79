"""Operations of several convolutions, each reading a quantized input."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn

from qnas.core.components import Activation, Layers, Operation, SlotShape
from qnas.core.settings import invalid
from qnas.plugins.operations.odd import OddInt
from qnas.plugins.operations.starts import around_relu, centred, factorized, separated


class Factorized(Operation):
    """A kernel x 1 convolution, then a 1 x kernel one.

    Attributes:
        kernel: Length of both, odd.
        between: The activation between them.
    """

    kernel: OddInt = 3
    between: Activation = "none"

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return nn.Sequential(
            layers.conv(slot.in_channels, slot.out_channels, (self.kernel, 1), stride=slot.stride),
            layers.activation(self.between, slot.out_channels),
            layers.conv(slot.out_channels, slot.out_channels, (1, self.kernel)),
        )

    def start_from(self, kernel: Tensor, slot: SlotShape) -> Sequence[Tensor]:
        """See :meth:`qnas.Operation.start_from`."""
        return factorized(centred(kernel, self.kernel, self.kernel)) if slot.stride == 1 else ()


class Separable(Operation):
    """A depthwise convolution, then a 1 x 1 one (Howard et al. 2017, MobileNets).

    Attributes:
        kernel: Height and width of the depthwise convolution, odd.
        between: The activation between them.
    """

    kernel: OddInt = 3
    between: Activation = "none"

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        channels = slot.in_channels
        return nn.Sequential(
            layers.conv(channels, channels, self.kernel, stride=slot.stride, groups=channels),
            layers.activation(self.between, channels),
            layers.conv(channels, slot.out_channels, 1),
        )

    def start_from(self, kernel: Tensor, slot: SlotShape) -> Sequence[Tensor]:
        """See :meth:`qnas.Operation.start_from`."""
        del slot
        return separated(centred(kernel, self.kernel, self.kernel))


class Pair(Operation):
    """Two convolutions with a ReLU between, wider (growth) or narrower than the slot in the middle.

    Attributes:
        kernel: Height and width of both, odd.
        width: Channels in the middle, as a multiple of the input channels.
        channels: Channels in the middle, as a number; replaces ``width``.
    """

    kernel: OddInt = 3
    width: PositiveFloat | None = 2
    channels: PositiveInt | None = None

    @classmethod
    def presets(cls, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :meth:`qnas.Component.presets`: ``channels`` replaces a registered width."""
        return {**defaults, "width": None} if given.get("channels") is not None else defaults

    @model_validator(mode="after")
    def _one_middle(self) -> Self:
        if self.channels is not None and "width" not in self.model_fields_set:
            object.__setattr__(self, "width", None)
        if (self.width is None) == (self.channels is None):
            both = "can't be set together with 'width': both set the width of the middle"
            message = both if self.width else "must be set if 'width' is null"
            invalid(type(self).__name__, message, self.channels, "channels")
        return self

    def reference(self) -> str | dict[str, Any]:
        """See :meth:`qnas.Component.reference`."""
        reference = super().reference()
        return reference if isinstance(reference, str) else {k: v for k, v in reference.items() if v is not None}

    def _middle(self, slot: SlotShape) -> float:
        """The number of channels between the two convolutions."""
        return self.channels or slot.in_channels * (self.width or 0)

    def unfit(self, slot: SlotShape) -> str:
        """A reason if the middle would not have a whole number of channels."""
        middle = self._middle(slot)
        if middle != int(middle) or middle < 1:
            return f"{self.width:g} times {slot.in_channels} channels is not a whole number"
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        middle = int(self._middle(slot))
        return nn.Sequential(
            layers.conv(slot.in_channels, middle, self.kernel, stride=slot.stride),
            layers.activation("relu"),
            layers.conv(middle, slot.out_channels, self.kernel),
        )

    def start_from(self, kernel: Tensor, slot: SlotShape) -> Sequence[Tensor]:
        """See :meth:`qnas.Operation.start_from`."""
        if slot.stride != 1:
            return ()
        return around_relu(centred(kernel, self.kernel, self.kernel), int(self._middle(slot)), signed=slot.signed)
