"""The networks of a space that keep to limits: the best of them, one near to another, one at random."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Self

import numpy as np
from torch import Tensor

from qnas.core.components import Cost, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Candidate, CostTable, count_space, leaders, slot_candidates
from qnas.core.network.sharing import Candidates, draw_network
from qnas.core.search.limits.knapsack import Table, best_choice, keeps, total

_TRIES = 1000


class AllowedNetworks:
    """The networks of a space that keep to limits on their costs; without limits, all of them.

    Args:
        candidates: Of each slot by the slot's path.
        shared: The leader of each slot, as :func:`qnas.core.network.leaders` returns it.
        limits: The most that a network may cost, by the cost's name.
        tables: What each candidate costs, by the cost's name; those of the limits are used.
    """

    def __init__(
        self,
        candidates: Candidates,
        shared: Sequence[int],
        limits: Mapping[str, int],
        tables: Mapping[str, CostTable],
    ) -> None:
        self.limits = limits
        self.tables = {name: tables[name] for name in limits}
        self._candidates = candidates
        self._shared = shared
        self._choices = sorted(set(shared))

    @classmethod
    def of(
        cls, space: Space, scale: int, quantizer: Quantizer, costs: Mapping[str, Cost], limits: Mapping[str, int]
    ) -> Self:
        """Those of a space whose found network ``quantizer`` quantizes, with limits for an LR image of 32 x 32."""
        candidates = slot_candidates(space, scale)
        tables = {}
        if limits:
            space_count = count_space(space, scale, quantizer)
            tables = {name: space_count.table(costs[name]) for name in limits}
        return cls(candidates, leaders(space, candidates), limits, tables)

    def best(self, scores: Tensor) -> dict[str, Candidate]:
        """The allowed network whose scores have the highest sum.

        Args:
            scores: (slots, candidates) the higher the better, such as logits or logarithms of probabilities. A choice
                that slots share counts once, by the scores of the first. What is beyond a slot's candidates is ignored.

        Raises:
            InputError: No network keeps to the limits.
        """
        rows = scores.detach().double().cpu().tolist()
        return self._best([rows[slot][:size] for slot, size in zip(self._choices, self._sizes, strict=True)])

    def allows(self, chosen: Mapping[str, Candidate]) -> bool:
        """Whether a network, given as the candidate of each slot, keeps to the limits."""
        return not self.limits or keeps(self._numbers(chosen), self._limited(self.limits))

    def nearest(self, chosen: Mapping[str, Candidate]) -> dict[str, Candidate]:
        """An allowed network with the most choices in common with this one, which is itself if it is allowed.

        Raises:
            InputError: No network keeps to the limits.
        """
        taken = zip(self._numbers(chosen), self._sizes, strict=True)
        return self._best([[float(number == kept) for number in range(size)] for kept, size in taken])

    def draw(self, random: np.random.Generator) -> dict[str, Candidate]:
        """A random allowed network.

        All are equally likely, as long as about one network in a thousand is allowed. Where fewer are, it is the best
        by random scores.

        Raises:
            InputError: No network keeps to the limits.
        """
        for _ in range(_TRIES):
            drawn = draw_network(self._shared, self._candidates, random)
            if self.allows(drawn):
                return drawn
        return self._best([random.gumbel(size=size).tolist() for size in self._sizes])

    def cheapest(self, name: str, under: Collection[str]) -> int:
        """The least that a network costs by the limited cost of that name.

        Args:
            name: The cost's.
            under: The names of the limits that it keeps to.

        Raises:
            InputError: No network keeps to them.
        """
        prices = self._prices[name]
        chosen = self._chosen([[-price for price in row] for row in prices], under)
        return round(self.tables[name].fixed + total(chosen, prices))

    def _best(self, scores: Table) -> dict[str, Candidate]:
        taken = dict(zip(self._choices, self._chosen(scores, self.limits), strict=True))
        slots = zip(self._candidates.items(), self._shared, strict=True)
        return {path: options[taken[leader]] for (path, options), leader in slots}

    def _chosen(self, scores: Table, under: Collection[str]) -> list[int]:
        chosen = best_choice(scores, self._limited(under))
        if chosen is None:
            raise InputError(f"no network of the space keeps to the limits ({', '.join(under)})")
        return chosen

    def _numbers(self, chosen: Mapping[str, Candidate]) -> list[int]:
        """For each choice, the number of its candidate."""
        slots = list(self._candidates.items())
        return [slots[slot][1].index(chosen[slots[slot][0]]) for slot in self._choices]

    def _limited(self, names: Collection[str]) -> list[tuple[Table, float]]:
        """The prices of each choice, and what is left for them of the limit."""
        return [(self._prices[name], self.limits[name] - self.tables[name].fixed) for name in names]

    @cached_property
    def _sizes(self) -> list[int]:
        """How many candidates each choice has."""
        options = list(self._candidates.values())
        return [len(options[slot]) for slot in self._choices]

    @cached_property
    def _prices(self) -> dict[str, Table]:
        """What each candidate of each choice costs, in all slots that share it, by the cost's name."""
        return {name: self._choice_prices(table.slots.tolist()) for name, table in self.tables.items()}

    def _choice_prices(self, slots: Table) -> Table:
        sharing = {
            choice: [row for row, leader in zip(slots, self._shared, strict=True) if leader == choice]
            for choice in self._choices
        }
        return [
            [sum(prices) for prices in zip(*(row[:size] for row in rows), strict=True)]
            for rows, size in zip(sharing.values(), self._sizes, strict=True)
        ]
