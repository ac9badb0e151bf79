"""The prices of candidates, for each cost once it is asked for."""

import torch
from torch import Tensor

from qnas.core.components import Cost
from qnas.core.network import CostTable, SpaceCount


class Prices:
    """The cost tables of a space by cost: ``prices[cost]`` is a :class:`qnas.CostTable`, made when first asked for."""

    def __init__(self, count: SpaceCount, device: torch.device) -> None:
        self._count = count
        self._device = device
        self._first = sorted(set(count.leaders))
        self._tables: dict[Cost, CostTable] = {}

    def __getitem__(self, cost: Cost) -> CostTable:
        if cost not in self._tables:
            self._tables[cost] = self._count.table(cost).to(self._device)
        return self._tables[cost]

    def choices(self, probabilities: Tensor) -> Tensor:
        """(choices, candidates) of (slots, candidates): a choice that several slots share stands there once."""
        return probabilities if len(self._first) == len(probabilities) else probabilities[self._first]
