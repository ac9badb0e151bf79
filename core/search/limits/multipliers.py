"""Multipliers: what leads a search by gradient to its limits, by dual ascent."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from qnas.core.network import CostTable

_ASCENT = 3.0  # what a multiplier gains in a whole search whose networks cost e times the limit
_FASTEST = 1.0  # of the logarithm of cost over limit, by which a multiplier moves


class Multipliers:
    """A multiplier for each limit: what share of the error a share of the cost is worth.

    At 0.1, a network of an error 1 % lower may cost 10 % more. In each step, a multiplier rises in proportion to the
    logarithm of cost over limit, and falls to zero below the limit (dual ascent). Being relative to error and cost, it
    needs no tuning.

    The cost is that of the most probable network. The expected cost is the dearer the less the probabilities have
    decided, as prices are skewed: led by it, a search used 26 % of its limit, and 97 % by this one (300 steps in the
    basic space, one seed). A multiplier pulls only where the limit is exceeded, since one that has yet to fall would go
    on pulling below.

    Args:
        limits: The limits by the cost's name.
        tables: The tables of these costs, on the device of the search.
        steps: Steps that the probabilities take in the whole search.

    Attributes:
        values: (limits,) the multipliers, 0 at the beginning. They are the whole state.
    """

    def __init__(self, limits: Mapping[str, int], tables: Mapping[str, CostTable], steps: int) -> None:
        self._limits = limits
        self._tables = [tables[name] for name in limits]
        self._rate = _ASCENT / steps
        self.values = torch.stack([table.slots.new_zeros(()) for table in self._tables])

    def penalty(self, loss: Tensor, probabilities: Tensor) -> Tensor:
        """What the limits add to the loss, a scalar with a gradient in the probabilities; then the multipliers move.

        Args:
            loss: The error, a scalar.
            probabilities: (slots, candidates), each row sums to 1.
        """
        most_probable = torch.zeros_like(probabilities).scatter(1, probabilities.argmax(dim=1, keepdim=True), 1.0)
        excess = self._excess(most_probable)
        pulling = self.values * (excess > 0)
        added = loss.detach() * (pulling * self._excess(probabilities)).sum().to(loss)
        self.values = (self.values + self._rate * excess.clamp(-_FASTEST, _FASTEST)).clamp(min=0)
        return added

    def by_name(self) -> dict[str, float]:
        """The multipliers by the cost's name."""
        return dict(zip(self._limits, self.values.tolist(), strict=True))

    def _excess(self, probabilities: Tensor) -> Tensor:
        """(limits,) the logarithm of expected cost over limit."""
        of = zip(self._tables, self._limits.values(), strict=True)
        return torch.stack([_log_excess(table, limit, probabilities) for table, limit in of])


def _log_excess(table: CostTable, limit: int, probabilities: Tensor) -> Tensor:
    """The logarithm of expected cost over limit, both without what all networks have in common, and 1 at least."""
    common = min(table.fixed, table.lowest)
    expected = (table.expected(probabilities) - common).clamp(min=1)
    return expected.log() - math.log(max(limit - common, 1))
