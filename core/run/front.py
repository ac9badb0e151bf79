"""The front of a search, from result.json: its points, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from qnas.core.run.costs import StatedCost, stated_costs


@dataclass(frozen=True)
class FrontRow:
    """A point of a front.

    Attributes:
        number: From 1 for the cheapest, as ``qnas derive --front`` takes it.
        network: What it is: ``found``, or which uniform network.
        limit: The limit that it was the best at.
        cost: What it has of the limited cost.
        psnr: On Y in dB on the held-out images, at the end of the search.
        is_trained: Whether the run trained it.
    """

    number: int
    network: str
    limit: float
    cost: float
    psnr: float
    is_trained: bool


@dataclass(frozen=True)
class Front:
    """A front.

    Attributes:
        cost: What it runs over.
        rows: Its points, the cheapest first.
    """

    cost: StatedCost
    rows: Sequence[FrontRow]

    @classmethod
    def of(cls, result: Mapping[str, Any], spec: Mapping[str, Any]) -> Self | None:
        """The front in a result, of the search or of the run; None if it has none.

        Args:
            result: The plain data.
            spec: Of the run, as plain data.
        """
        points = result.get("front")
        if not points:
            return None
        name = next(iter(points[0]["limits"]))
        cost = next((cost for cost in stated_costs(spec) if cost.name == name), StatedCost(name, name))
        rows = [
            FrontRow(
                number,
                str(point["network"]),
                point["limits"][name],
                point["costs"][name],
                point["psnr"],
                is_trained=number == len(points),
            )
            for number, point in enumerate(points, 1)
        ]
        return cls(cost, rows)
