"""Limits that no network keeps to, which are refused before a search, and limits that every network keeps to."""

from collections.abc import Iterator, Mapping

from qnas.core.components import Cost
from qnas.core.drawing.wording import divided, exact
from qnas.core.errors import InputError, from_field
from qnas.core.search.limits.allowed import AllowedNetworks


def refuse_unmeetable(allowed: AllowedNetworks, costs: Mapping[str, Cost]) -> None:
    """Refuse a limit below the cheapest network, and one that no network keeps to along with those before it.

    Args:
        allowed: The networks that keep to the limits.
        costs: The limited costs by name, at least.

    Raises:
        InputError: It says the least that the limit must be, and names the limit as its field.
    """
    for place, (name, limit) in enumerate(allowed.limits.items()):
        least, what = allowed.tables[name].lowest, "what the cheapest network of the space has"
        if place and least <= limit:
            before = list(allowed.limits)[:place]
            least, what = (
                allowed.cheapest(name, before),
                f"the least of the networks that keep to {' and '.join(before)}",
            )
        if limit < least:
            with from_field(name):
                got = exact(limit, costs[name].unit if divided(costs[name].unit)[0] < 1 else "")
                raise InputError(f"must be at least {_exact(least, costs[name])}, {what} (got {got})")


def notices(allowed: AllowedNetworks, costs: Mapping[str, Cost]) -> Iterator[str]:
    """A line for each limit that rules no network out."""
    for name, limit in allowed.limits.items():
        highest = allowed.tables[name].highest
        if limit >= highest:
            has = f"the dearest network of the space has {_exact(highest, costs[name])}"
            yield f"limits.{name} rules no network out: {has}"


def _exact(value: int, cost: Cost) -> str:
    return exact(value, cost.unit or cost.title)
