"""Rules for single slots: which operations and bit-widths those have whose path matches a pattern."""

import fnmatch
from collections.abc import Sequence
from typing import Annotated, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from qnas.core.components.operation import Operation
from qnas.core.settings.bits import Bits, Widths, WidthsApart, paired
from qnas.core.settings.settings import Settings, invalid

T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for index, value in enumerate(values) if value in values[:index]]
    if twice:
        raise ValueError(f"must not list {getattr(twice[0], 'label', twice[0])} twice")
    return values


Candidates = Annotated[tuple[Operation, ...], Field(min_length=1), AfterValidator(_distinct)]
WidthChoices = Annotated[
    tuple[Bits, ...],
    Field(min_length=1),
    AfterValidator(_distinct),
    BeforeValidator(paired, json_schema_input_type=Annotated[tuple[Bits, ...], Field(min_length=1)] | WidthsApart),
]


def path_matches(path: str, pattern: str) -> bool:
    """Whether a pattern is about the module at ``path``, or about a part that it lies in.

    >>> [path_matches("body.0.skip", pattern) for pattern in ("body.*.skip", "body.0", "*.skip", "body.0.ski", "skip")]
    [True, True, True, False, False]
    """
    parts = path.split(".")
    return any(fnmatch.fnmatchcase(".".join(parts[:length]), pattern) for length in range(1, len(parts) + 1))


class Offer(NamedTuple):
    """What a space offers for a slot.

    Attributes:
        operations: Its candidates.
        bits: The widths of each.
        field: Where in the space's fields the operations stand; empty if they are a default.
    """

    operations: Sequence[Operation]
    bits: Sequence[Widths]
    field: tuple[str | int, ...] = ()


class SlotRule(Settings):
    """What the slots that it matches may hold. Of several that match, the last that says a thing decides it.

    Attributes:
        match: A pattern of slot paths, in which ``*`` stands for anything (dots too) and ``?`` for one character.
            It matches a slot, or a part of the network and so every slot in it: ``body.*.skip``, ``upsample``.
        operations: The candidates.
        bits: Their bit-widths.
        keep: Keep the original operation at these bits: nothing is searched here; 32 leaves it in float.
    """

    match: Annotated[str, Field(min_length=1)]
    operations: Candidates | None = None
    bits: WidthChoices | None = None
    keep: Bits | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        stated = [name for name in ("operations", "bits") if getattr(self, name) is not None]
        if self.keep is not None and stated:
            invalid("SlotRule", f"keep leaves nothing to choose: it can't stand beside {stated[0]}", self.keep, "keep")
        if self.keep is None and not stated:
            invalid("SlotRule", "must say operations, bits or keep", self.match)
        return self

    def matches(self, path: str) -> bool:
        """Whether it is about the slot at ``path``."""
        return path_matches(path, self.match)

    def apply(self, offer: Offer, *field: str | int) -> Offer:
        """``offer`` with what the rule, which stands at ``field``, says."""
        if self.keep is not None:
            return Offer((Operation.of("native"),), (self.keep,), (*field, "keep"))
        if self.operations is not None:
            offer = offer._replace(operations=self.operations, field=(*field, "operations"))
        return offer._replace(bits=self.bits) if self.bits is not None else offer


def kept(bits: int) -> Offer:
    """The native operation at fixed bits."""
    return Offer((Operation.of("native"),), (Widths(bits, bits),))
