"""The architecture: which candidate each slot holds, as JSON."""

from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError
from torch import nn

from qnas.core.components import Operation, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.markup import table
from qnas.core.network.candidate import Candidate
from qnas.core.network.fill import build_found, slot_candidates
from qnas.core.settings import FLOAT_BITS, UNSTATED_VERSION, Settings, Versioned, Widths, as_of
from qnas.core.visible import one_line


class Choice(Settings):
    """The choice for one slot; the widths are null for an operation without anything to quantize."""

    operation: Operation
    weight_bits: int | None
    activation_bits: int | None

    def candidate(self) -> Candidate:
        """The candidate of this choice."""
        if self.weight_bits is None or self.activation_bits is None:
            return Candidate(self.operation, None)
        return Candidate(self.operation, Widths(self.weight_bits, self.activation_bits))

    def at_least(self, bits: int) -> Self:
        """This choice with so many bits where it has fewer."""
        if self.weight_bits is None or self.activation_bits is None:
            return self
        widths = (max(width, bits) for width in (self.weight_bits, self.activation_bits))
        return self.model_copy(update=dict(zip(("weight_bits", "activation_bits"), widths, strict=True)))


class Architecture(Versioned):
    """A found network without its weights.

    Attributes:
        version: Version of its fields, as in a spec.
        scale: The factor that the network enlarges by.
        space: The space that it belongs to.
        slots: Maps slot paths to choices.
    """

    scale: int
    space: Space
    slots: dict[str, Choice]

    @classmethod
    def from_candidates(cls, space: Space, scale: int, chosen: Mapping[str, Candidate]) -> Self:
        """The architecture with these candidates."""
        slots = {
            path: Choice(
                operation=candidate.operation,
                weight_bits=candidate.widths.weight if candidate.widths else None,
                activation_bits=candidate.widths.activation if candidate.widths else None,
            )
            for path, candidate in chosen.items()
        }
        return cls(scale=scale, space=space, slots=slots)

    @classmethod
    def from_json(cls, text: str, where: str = "architecture") -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            InputError: It is not valid, or does not fit its space.
        """
        try:
            with as_of(UNSTATED_VERSION):
                architecture = cls.model_validate_json(text)
            with as_of(architecture.version):
                known = slot_candidates(architecture.space.restored(), architecture.scale)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise InputError(one_line(": ".join(filter(None, (field, first["msg"])))), where) from None
        except InputError as error:
            raise InputError(str(error), where) from error.__cause__
        if set(known) != set(architecture.slots):
            odd = ", ".join(sorted(set(known) ^ set(architecture.slots)))
            raise InputError(f"its slots are not those of its space (they differ in: {odd})", where)
        for path, choice in architecture.slots.items():
            if choice.candidate() not in known[path]:
                raise InputError(f"slots.{path}: {choice.candidate().label} is not a candidate of its space", where)
        return architecture

    def _repr_html_(self) -> str:
        """Its slots with their operations and bits, as notebooks show it."""
        headings = ("slot", "operation", "weight bits", "activation bits")
        rows = [
            (
                path,
                one.operation.label,
                *("-" if bits is None else bits for bits in (one.weight_bits, one.activation_bits)),
            )
            for path, one in self.slots.items()
        ]
        return table(headings, rows, f"{self.space.known_as}, x{self.scale}")

    def to_json(self) -> str:
        """Canonical JSON: the same architecture always gives the same bytes."""
        return self.model_dump_json(indent=2) + "\n"

    def candidates(self) -> dict[str, Candidate]:
        """Maps slot paths to candidates."""
        return {path: choice.candidate() for path, choice in self.slots.items()}

    @property
    def is_float(self) -> bool:
        """Whether no slot has weights in integers."""
        return all(choice.weight_bits in (None, FLOAT_BITS) for choice in self.slots.values())

    def fresh(self) -> Self:
        """This architecture with fresh weights in its network, whatever its space states."""
        return self.model_copy(update={"space": self.space.fresh()})

    def at_least(self, bits: int) -> Self:
        """This architecture with so many bits wherever it has fewer."""
        slots = {path: choice.at_least(bits) for path, choice in self.slots.items()}
        return self.model_copy(update={"slots": slots})

    def build(self, quantizer: Quantizer, between: int | None = None) -> nn.Module:
        """The network, freshly initialised.

        Args:
            quantizer: Quantizes it.
            between: The width of what stands between the slots, None for float.
        """
        with as_of(self.version):
            return build_found(self.space, self.scale, self.candidates(), quantizer, between)

    def rebuild(self, quantizer: Quantizer, between: int | None = None) -> nn.Module:
        """The same network, for loading all of its trained weights: the file that they started from is not read."""
        with as_of(self.version):
            return build_found(self.space.restored(), self.scale, self.candidates(), quantizer, between)
