"""The limits of a front: the costs that its networks are looked for at."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from qnas.core.components import Cost, Quantizer, Space
from qnas.core.drawing.wording import exact
from qnas.core.errors import InputError, from_field
from qnas.core.network import CostTable, count_space
from qnas.core.search.limits.allowed import AllowedNetworks

_WHERE_NONE = "bitops"


def front_cost(limits: Mapping[str, int]) -> str:
    """The name of the cost that a front runs over: the first that has a limit, or else BitOps."""
    return next(iter(limits), _WHERE_NONE)


@dataclass(frozen=True, kw_only=True)
class FrontLimits:
    """The limits of each point of a front, in steps of one factor, from near the cheapest network on.

    Attributes:
        space: Where the networks are.
        scale: The factor that they enlarge by.
        quantizer: Quantizes them.
        costs: What is counted, by name.
        limits: What all networks keep to; the last point has these limits alone.
        points: How many, at least 2.
    """

    space: Space
    scale: int
    quantizer: Quantizer
    costs: Mapping[str, Cost]
    limits: Mapping[str, int]
    points: int

    @property
    def cost(self) -> str:
        """The name of the cost that differs."""
        return front_cost(self.limits)

    @cached_property
    def each(self) -> list[dict[str, int]]:
        """The limits of each point, the cheapest first.

        Raises:
            InputError: The costs of the networks are too close together for so many.
        """
        cheapest, dearest = self._ends
        shares = [(point + 1) / self.points for point in range(self.points)]
        amounts = [round(cheapest ** (1 - share) * dearest**share) for share in shares]
        if len({cheapest, *amounts}) <= self.points:
            unit = self.costs[self.cost].unit or self.costs[self.cost].title
            between = f"from {exact(cheapest, unit)} to {exact(dearest, unit)}"
            what = f"there is no room for {self.points} points: the networks that keep to the limits have {between}"
            with from_field("front"):
                raise InputError(what)
        return [{**self.limits, self.cost: amount} for amount in amounts]

    @property
    def _ends(self) -> tuple[int, int]:
        """What the cheapest network has of the cost, and the most that one may have."""
        name = self.cost
        dearest = min(self.limits.get(name, self._table.highest), self._table.highest)
        allowed = AllowedNetworks.of(self.space, self.scale, self.quantizer, self.costs, {**self.limits, name: dearest})
        return allowed.cheapest(name, [other for other in self.limits if other != name]), dearest

    @property
    def _table(self) -> CostTable:
        return count_space(self.space, self.scale, self.quantizer).table(self.costs[self.cost])
