"""The interface of regularizers: penalties on the architecture parameters while searching."""

from abc import abstractmethod
from typing import Protocol

from pydantic import NonNegativeFloat
from torch import Tensor

from qnas.core.components.component import Component
from qnas.core.components.cost import Cost


class SearchState(Protocol):
    """What a regularizer sees of the search at one step.

    Attributes:
        alpha: (slots, candidates) the architecture parameters, 0 where a slot has fewer candidates. Where slots share
            a choice, only those of the first are used.
        probabilities: (slots, candidates) each row sums to 1, 0 where a slot has fewer candidates.
        choices: (choices, candidates) the same, but those of a choice that slots share only once.
        epoch: Epochs done since the warm-up ended, from 0.
        epochs: Epochs that the search has after its warm-up.
    """

    @property
    def alpha(self) -> Tensor: ...  # noqa: D102
    @property
    def probabilities(self) -> Tensor: ...  # noqa: D102
    @property
    def choices(self) -> Tensor: ...  # noqa: D102
    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def epochs(self) -> int: ...  # noqa: D102

    def relative_cost(self, cost: Cost) -> Tensor:
        """The expected cost of the network as a share of what it was at the start of the search."""
        ...


class Regularizer(Component):
    """A term ``weight * penalty(state)`` of the loss that the architecture parameters follow.

    Attributes:
        weight: At least 0; 0 leaves the penalty out.
    """

    kind = "regularizer"
    weight: NonNegativeFloat = 1e-3

    @abstractmethod
    def penalty(self, state: SearchState) -> Tensor:
        """A scalar, differentiable in ``state.alpha``; the weight is applied by the caller."""
