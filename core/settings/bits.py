"""Bit-widths: the values that a spec may have, and the pair of a candidate."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, Field, PlainSerializer

FLOAT_BITS = 32
FLOAT_WORD = "float"

BetweenBits = Literal[8, 16]
BETWEEN: tuple[int, ...] = get_args(BetweenBits)
"""The widths that what stands between the slots may have."""


class Widths(NamedTuple):
    """The bit-widths of a slot's weights and activations; 32 stands for float."""

    weight: int
    activation: int

    @property
    def label(self) -> str:
        """``4`` if both are equal, otherwise ``4/8`` (weights/activations)."""
        return f"{self.weight}" if self.weight == self.activation else f"{self.weight}/{self.activation}"

    def shortest(self) -> int | list[int]:
        """The widths as in a spec: one number if both are equal, otherwise a pair."""
        return self.weight if self.weight == self.activation else list(self)


FLOAT = Widths(FLOAT_BITS, FLOAT_BITS)


def _bits(value: Any) -> int:
    if value == FLOAT_WORD:
        return FLOAT_BITS
    if isinstance(value, bool) or not isinstance(value, int) or not (2 <= value <= 16 or value == FLOAT_BITS):
        raise ValueError("must be a whole number of bits from 2 to 16, or 32 for float")
    return value


def _widths(value: Any) -> Widths:
    """One number for both, or a pair: weights, activations."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return Widths(_bits(value), _bits(value))
    if len(value) != 2:
        raise ValueError("must be one bit-width, or a pair: [weights, activations]")
    return Widths(_bits(value[0]), _bits(value[1]))


_OneNumber = Annotated[int, Field(ge=2, le=16)] | Literal[32, "float"]


_Side = Literal["weights", "activations"]
_SIDES: tuple[str, ...] = get_args(_Side)
WidthsApart = Annotated[
    dict[_Side, Annotated[list[_OneNumber], Field(min_length=1)]], Field(min_length=2, max_length=2)
]
"""Widths of weights and widths of activations, of which every pair is meant."""


Bits = Annotated[
    Widths,
    BeforeValidator(_widths, json_schema_input_type=_OneNumber | tuple[_OneNumber, _OneNumber]),
    PlainSerializer(Widths.shortest),
]


def paired(value: Any) -> Any:
    """The pairs that a :data:`WidthsApart` means; anything else stays as it is.

    Raises:
        ValueError: It is a mapping that does not list both.
    """
    if not isinstance(value, Mapping):
        return value
    sides: list[Any] = [value.get(side) for side in _SIDES]
    if len(value) != len(sides) or not all(isinstance(side, list | tuple) and side for side in sides):
        raise ValueError("must list both: {weights: [2, 4, 8], activations: [4, 8]}")
    return list(itertools.product(*sides))
