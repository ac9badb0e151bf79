"""The interface of search spaces: networks with open slots, and what may go into each."""

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from torch import nn

from qnas.core.components.component import Component
from qnas.core.components.operation import Operation, SlotShape
from qnas.core.components.rules import Candidates, Offer, SlotRule, WidthChoices, kept
from qnas.core.errors import QnasError, first_line
from qnas.core.settings.settings import Frozen, invalid

EVERY_ROLE = "all"


def _by_role(value: Any) -> Any:
    """A plain list of operations stands for every role."""
    if not isinstance(value, list | tuple | Mapping):
        raise ValueError("must be a list of operations, or a mapping of roles to such lists")
    return value if isinstance(value, Mapping) else {EVERY_ROLE: value}


CandidateTable = Annotated[
    Frozen[Candidates],
    BeforeValidator(_by_role, json_schema_input_type=dict[str, Candidates] | Candidates),
]


class Space(Component):
    """A family of networks. An author writes :meth:`build` and states ``defaults``.

    In YAML ``extends`` may stand for ``name``, where a space is composed from another.

    Attributes:
        bits: The bit-widths that every slot may have: a number for weights and activations alike, or a pair.
        operations: The candidates of each role, or one list for all roles; roles left out keep their defaults.
        slots: Rules for single slots, by their paths. Of several that match, the last one decides.
        shared: Parts whose slots of one name share their choice, as patterns of paths in which ``*`` stands for
            anything but a dot: ``body.*`` gives all blocks the same operations and bit-widths. The slots keep weights
            of their own.
        bias: Whether convolutions in slots may have a bias; ``false`` takes it from every one.
    """

    kind = "space"
    name_keys = ("name", "extends")
    scales: ClassVar[frozenset[int]] = frozenset({2, 3, 4})
    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The candidates of each role that :meth:`build` uses, by registered name."""
    kept: ClassVar[Mapping[str, int]] = {}
    """The roles whose original operation is kept, each at so many bits, unless the spec says otherwise of them."""

    bits: WidthChoices = (4, 8)  # type: ignore[assignment]
    operations: CandidateTable = {}
    slots: tuple[SlotRule, ...] = ()
    shared: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    bias: bool = True

    @abstractmethod
    def build(self, scale: int) -> nn.Module:
        """The network with open slots, from (N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1.

        Raises:
            InputError: It can't be built from what the fields say.
        """

    def roles(self) -> Mapping[str, Sequence[str]]:
        """The roles of its slots, and the default candidates of each by registered name."""
        return self.defaults

    def notices(self, scale: int) -> Sequence[str]:
        """What a user should know about the network that the space builds, a line each."""
        del scale
        return ()

    def keep(self, folder: Path, scale: int) -> None:
        """Copy into a run's folder what its network needs beside its fields and installed packages: by default nothing.

        A space whose fields name files writes them here, and takes them from :func:`qnas.core.files.home` when it
        is made where that is the run's.
        """
        del folder, scale

    def kept_in(self, folder: Path) -> Self:
        """This space as it takes from a run's folder what :meth:`keep` has left there."""
        del folder
        return self

    def depends_on(self) -> Hashable:
        """What the network depends on beside the fields, such as what is in files that they name: by default nothing.

        Slots and costs are kept until this changes.
        """
        return ()

    def restored(self) -> Self:
        """This space for a network that is given all its weights: it reads none to begin with."""
        return self

    @property
    def has_weights(self) -> bool:
        """Whether its networks start from weights that are there already: by default not."""
        return False

    @property
    def weights_from(self) -> str:
        """Where these weights are, in words, such as a file: empty where there are none."""
        return ""

    def fresh(self) -> Self:
        """This space with fresh weights in its networks, whatever there is."""
        return self

    def packages(self) -> Sequence[str]:
        """The packages that its network is made with beside qnas, as they are imported: a run notes their versions."""
        return ()

    def offer(self, path: str, slot: SlotShape) -> Offer:
        """What may fill the slot at ``path``."""
        offer = self._by_role(slot.role)
        for index, rule in enumerate(self.slots):
            if rule.matches(path):
                offer = rule.apply(offer, "slots", index)
        return offer

    def _by_role(self, role: str) -> Offer:
        if role in self.operations:
            return Offer(self.operations[role], self.bits, ("operations", role))
        if role in self.kept:
            return kept(self.kept[role])
        if EVERY_ROLE in self.operations:
            return Offer(self.operations[EVERY_ROLE], self.bits, ("operations", EVERY_ROLE))
        return Offer(self._default_candidates(role), self.bits)

    def _default_candidates(self, role: str) -> tuple[Operation, ...]:
        names = self.roles().get(role, ())
        if not names or isinstance(names, str):
            what = f"'{names}', which is no list," if names else "no candidates"
            raise QnasError(f"the space '{self.known_as}' states {what} for the role '{role}' of its slots")
        try:
            return tuple(map(Operation.of, names))
        except ValidationError as error:
            where = f"the space '{self.known_as}', in its candidates for the role '{role}'"
            raise QnasError(f"{where}: {first_line(error)}") from error

    @model_validator(mode="after")
    def _known_roles(self) -> Self:
        """Refuse candidates for roles that the space does not have."""
        valid = [EVERY_ROLE, *self.roles()]
        for role in self.operations:
            if role not in valid:
                invalid(type(self).__name__, f"no such role (roles: {', '.join(valid)})", role, "operations", role)
        return self
