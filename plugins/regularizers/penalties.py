"""Penalties on the architecture parameters: entropy, L1 and cost."""

import math

from torch import Tensor

from qnas.core.components import Cost, Regularizer, SearchState


def entropy(probabilities: Tensor) -> Tensor:
    """``H(p) = -sum p log p`` of each row in nats, (slots,); 0 log 0 is 0, also for its gradient."""
    positive = probabilities > 0
    return -(probabilities * probabilities.where(positive, 1.0).log()).sum(dim=1)


def published_ramp(epoch: int, epochs: int) -> float:
    """The ramp of the entropy's weight over time, from 0 to 1 (QuantNAS, arXiv 2208.14839, as in its published code).

    Args:
        epoch: Epochs since the warm-up ended, from 0 to ``epochs - 1``.
        epochs: Epochs after the warm-up, at least 1.
    """
    quarter = epochs // 4
    if epochs == 1 or epoch < quarter:
        return float(epochs == 1)
    rise = math.log(epoch - quarter + 2) / math.log(epochs - quarter + 1)
    return epoch / (epochs - 1) * rise


class Entropy(Regularizer):
    """Drives every slot to one single candidate: the sum of the slots' entropies, with the published ramp.

    The entropy of a choice that several slots share counts once, as in QuantNAS's code.
    """

    def penalty(self, state: SearchState) -> Tensor:
        """See :meth:`qnas.Regularizer.penalty`."""
        return published_ramp(state.epoch, state.epochs) * entropy(state.choices).sum()


class L1(Regularizer):
    """The sum of the absolute values of the architecture parameters."""

    def penalty(self, state: SearchState) -> Tensor:
        """See :meth:`qnas.Regularizer.penalty`."""
        return state.alpha.abs().sum()


class ExpectedCost(Regularizer):
    """The expected cost, relative to the start of the search.

    Attributes:
        cost: The cost to penalize.
    """

    cost: Cost = "bitops"  # type: ignore[assignment]

    def penalty(self, state: SearchState) -> Tensor:
        """See :meth:`qnas.Regularizer.penalty`."""
        return state.relative_cost(self.cost)
