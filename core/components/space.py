"""The interface of search spaces: networks with open slots, and what may go into each."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from torch import nn

from qnas.core.components.bits import Bits
from qnas.core.components.component import Component
from qnas.core.components.operation import Operation, SlotShape
from qnas.core.components.settings import Frozen, invalid
from qnas.core.errors import QnasError

EVERY_ROLE = "all"
T = TypeVar("T")


def _by_role(value: Any) -> Any:
    """A plain list of operations stands for every role."""
    return {EVERY_ROLE: value} if isinstance(value, list | tuple) else value


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for index, value in enumerate(values) if value in values[:index]]
    if twice:
        raise ValueError(f"must not list {getattr(twice[0], 'label', twice[0])} twice")
    return values


Candidates = Annotated[tuple[Operation, ...], Field(min_length=1), AfterValidator(_distinct)]
CandidateTable = Annotated[
    Frozen[Candidates],
    BeforeValidator(_by_role, json_schema_input_type=dict[str, Candidates] | Candidates),
]


class Space(Component):
    """A family of networks. An author writes :meth:`build` and states ``roles`` and ``defaults``.

    Attributes:
        bits: The bit-widths that every slot may have: a number for weights and activations alike, or a pair.
        operations: The candidates of each role, or one list for all roles; roles left out keep their defaults.
    """

    kind = "space"
    scales: ClassVar[frozenset[int]] = frozenset({2, 3, 4})
    defaults: ClassVar[Mapping[str, tuple[str, ...]]]
    """The candidates of each role that :meth:`build` uses, by registered name."""

    bits: Annotated[tuple[Bits, ...], Field(min_length=1), AfterValidator(_distinct)] = (4, 8)  # type: ignore[assignment]
    operations: CandidateTable = {}

    @abstractmethod
    def build(self, scale: int) -> nn.Module:
        """The network with open slots, from (N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""

    def candidates(self, slot: SlotShape) -> tuple[Operation, ...]:
        """The operations that may fill ``slot``."""
        chosen = self.operations.get(slot.role) or self.operations.get(EVERY_ROLE)
        if not chosen and slot.role not in self.defaults:
            raise QnasError(f"the space '{self.label}' states no candidates for the role '{slot.role}' of its slots")
        return chosen or tuple(Operation.of(name) for name in self.defaults[slot.role])

    @model_validator(mode="after")
    def _known_roles(self) -> Self:
        """Refuse candidates for roles that the space does not have."""
        valid = [EVERY_ROLE, *self.defaults]
        for role in self.operations:
            if role not in valid:
                invalid(type(self).__name__, f"no such role (roles: {', '.join(valid)})", role, "operations", role)
        return self
