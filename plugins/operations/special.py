"""Operations with no convolution of their own."""

from typing import ClassVar

from torch import nn

from qnas.core.components import Layers, Operation, SlotShape
from qnas.plugins.operations.branched import Branched


class Identity(Operation):
    """Passes the slot's input through: no activation, no quantization, no cost."""

    quantized: ClassVar[bool] = False

    def unfit(self, slot: SlotShape) -> str:
        """A reason if the slot changes the channels or the size."""
        if slot.in_channels != slot.out_channels or slot.stride != 1:
            return f"it keeps channels and size, the slot has {slot.in_channels} -> {slot.out_channels} channels" + (
                f" and stride {slot.stride}" if slot.stride != 1 else ""
            )
        return ""

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        del slot, layers
        return nn.Identity()


class Native(Branched):
    """The operation that the original architecture has in the slot, so that every space has its own baseline.

    If that is one convolution, it may be trained with branches.
    """

    is_native: ClassVar[bool] = True

    def unfit(self, slot: SlotShape) -> str:
        """See :meth:`qnas.Operation.unfit`."""
        original = self._in(slot)
        if self.branches and not isinstance(original, Branched):
            return f"'{original.label}' can't be trained with branches"
        return original.unfit(slot)

    def is_quantized_in(self, slot: SlotShape) -> bool:
        """See :meth:`qnas.Operation.is_quantized_in`."""
        return self._in(slot).is_quantized_in(slot)

    def build(self, slot: SlotShape, layers: Layers) -> nn.Module:
        """See :meth:`qnas.Operation.build`."""
        return self._in(slot).build(slot, layers)

    def _in(self, slot: SlotShape) -> Operation:
        """What the slot has, with the branches of this operation, if it says any."""
        original = Operation.of(slot.native)
        if self.branches and isinstance(original, Branched):
            return original.model_copy(update={"branches": self.branches})
        return original
