"""The costs that a run's result.json states, of this version and of those before."""

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from qnas.core.components import Cost, costs_with
from qnas.core.drawing.wording import amount
from qnas.core.errors import QnasError
from qnas.core.registry import plugins

if TYPE_CHECKING:
    from qnas.core.run.record import RunRecord


@dataclass(frozen=True)
class StatedCost:
    """A cost as records have it: its name is known, its fields may not be.

    Attributes:
        name: Its key in the spec's costs, or its registered name.
        title: See :class:`qnas.Cost`, as for the others.
        unit: See there.
        per_image: See there.
        by_width: See there.
        order: See there.
    """

    name: str
    title: str
    unit: str = ""
    per_image: bool = True
    by_width: bool = True
    order: int = Cost.order

    @classmethod
    def of(cls, name: str, cost: Cost | type[Cost]) -> Self:
        """The cost of that name."""
        return cls(name, cost.title or name, cost.unit, cost.per_image, cost.by_width, cost.order)

    def words(self, value: float) -> str:
        """A value of it: ``4.6 GBitOps``, ``4,020 parameters``."""
        return amount(value, self.unit, self.title)

    @property
    def sign(self) -> str:
        """The unit behind its values under a heading that is its title or name."""
        return "" if self.unit == self.title else self.unit

    def figures(self, record: Mapping[str, Any]) -> dict[str, float]:
        """Its values in a result.json by LR size, such as ``32x32``; by ``""`` if it does not depend on the image."""
        stated = record.get(self.name)
        values = stated if isinstance(stated, Mapping) else {"": stated}
        return {str(size): value for size, value in values.items() if _is_number(value)}


def stated_costs(*specs: Mapping[str, Any]) -> list[StatedCost]:
    """The costs that runs of these specs (plain data) state, in order: those that are always counted, and their own."""
    always = [(entry.name, cost) for entry, cost in plugins().registries["cost"].loadable() if cost.always]
    found = {name: StatedCost.of(name, cost) for name, cost in always}
    for name, reference in own_costs(specs).items():
        found.setdefault(name, _stated(name, reference))
    return sorted(found.values(), key=lambda cost: cost.order)


def own_costs(specs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What these specs say about the costs that they add; if several add one, the first."""
    own: dict[str, Any] = {}
    for costs in (spec.get("costs") for spec in specs):
        own = {**(costs if isinstance(costs, Mapping) else {}), **own}
    return own


def countable(spec: Mapping[str, Any]) -> dict[str, Cost]:
    """The costs of a spec, as plain data, by name and in their order, without those that can no longer be made."""
    own: dict[str, Cost] = {}
    for name, reference in own_costs([spec]).items():
        with contextlib.suppress(QnasError, ValueError):
            own[name] = Cost.of(reference)
    return costs_with(own)


def measured_costs(record: "RunRecord") -> dict[str, float]:
    """What was measured of the found network in place of costs, by their names: what ``qnas bench`` noted."""
    with record.as_it_was():
        own = {name: cost for name, cost in countable(record.spec_data).items() if not cost.always}
    measured = {name: cost.measured(record.timings) for name, cost in own.items()}
    return {name: value for name, value in measured.items() if value is not None}


def _stated(name: str, reference: Any) -> StatedCost:
    registered = reference.get("name", name) if isinstance(reference, Mapping) else reference
    try:
        return StatedCost.of(name, plugins().registries["cost"].load(str(registered)))
    except QnasError:  # its plugin is not installed: the figures are there all the same
        return StatedCost(name, name)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
