"""What a slot may hold: an operation at a pair of bit-widths."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from qnas.core.components import Operation, Quantizer, SlotShape, Space
from qnas.core.network.convolution import QuantizedLayers
from qnas.core.network.slot import FilledSlot
from qnas.core.settings import FLOAT, Widths


@dataclass(frozen=True)
class Candidate:
    """An operation and its widths; ``widths`` is None if there is nothing to quantize."""

    operation: Operation
    widths: Widths | None

    @property
    def label(self) -> str:
        """A short text such as ``conv3x3 @ 4``."""
        return self.operation.label + (f" @ {self.widths.label}" if self.widths else "")

    def fill(self, shape: SlotShape, quantizer: Quantizer) -> nn.Module:
        """The content of the slot once this candidate is chosen."""
        layers = QuantizedLayers(quantizer, self.widths or FLOAT, shape.padding_mode, bias=shape.bias)
        operation = self.operation.build(shape, layers)
        is_quantized = self.operation.is_quantized_in(shape)
        entrance = (shape.activation, shape.signed, shape.in_channels)
        activation = layers.input_activation(*entrance) if is_quantized else nn.Identity()
        return FilledSlot(activation, operation, self.operation, shape.entrance)


_SLOT = SlotShape("any", 1, 1)


def grid(operations: Sequence[Operation], widths: Sequence[Widths], shape: SlotShape = _SLOT) -> list[Candidate]:
    """All candidates of a slot, operation by operation; one without anything to quantize occurs once."""
    per_operation = (
        [Candidate(operation, w) for w in (widths if operation.is_quantized_in(shape) else [None])]
        for operation in operations
    )
    return list(itertools.chain.from_iterable(per_operation))


def originals(shapes: Mapping[str, SlotShape]) -> dict[str, Candidate]:
    """The original operation of each slot, in float; empty if a slot can't hold it."""
    native = Operation.of("native")
    if any(native.unfit(shape) for shape in shapes.values()):
        return {}
    return {path: Candidate(native, FLOAT if native.is_quantized_in(shape) else None) for path, shape in shapes.items()}


def candidates_of(space: Space, path: str, shape: SlotShape) -> list[Candidate]:
    """The candidates that the space offers for a slot."""
    offer = space.offer(path, shape)
    return grid(offer.operations, offer.bits, shape)
