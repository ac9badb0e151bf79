"""The penalties that a search minimizes along with the error."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas.core.components import Cost, Regularizer
from qnas.core.search.prices import Prices


@dataclass(frozen=True)
class SearchProgress:
    """The state of a search as regularizers see it (see :class:`qnas.core.components.SearchState`)."""

    alpha: Tensor
    probabilities: Tensor
    start: Tensor
    epoch: int
    epochs: int
    prices: Prices

    @property
    def choices(self) -> Tensor:
        """The probabilities; those of a shared choice appear once."""
        return self.prices.choices(self.probabilities)

    def relative_cost(self, cost: Cost) -> Tensor:
        """The expected cost as a share of what it was at the start."""
        table = self.prices[cost]
        return table.expected(self.probabilities) / table.expected(self.start)


def penalty(regularizers: Mapping[str, Regularizer], state: SearchProgress) -> Tensor:
    """The weighted sum of all penalties."""
    terms = [r.weight * r.penalty(state) for r in regularizers.values() if r.weight]
    return torch.stack([term.float() for term in terms]).sum() if terms else state.alpha.new_zeros(())
