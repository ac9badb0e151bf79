"""What a search chooses from: the candidates of each slot, what they cost, and the networks within the limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from qnas.core.components import Cost, Quantizer, Space, costs_with
from qnas.core.deprecation import Deprecated
from qnas.core.network import (
    LR_SIZE,
    Architecture,
    Candidate,
    count_space,
    find_shapes,
    leaders,
    one_hot,
    slot_candidates,
)
from qnas.core.search.limits.allowed import AllowedNetworks
from qnas.core.search.limits.front_limits import FrontLimits
from qnas.core.search.limits.multipliers import Multipliers
from qnas.core.search.prices import Prices
from qnas.core.search.uniform_choices import is_native
from qnas.core.training.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a search chooses from; its fields are described in :class:`qnas.SearchTask`."""

    space: Space
    scale: int
    train_quantizer: Quantizer
    machine: Machine
    costs: Mapping[str, Cost] = field(default_factory=costs_with)
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where tensors are; that of :attr:`machine`."""
        return self.machine.device

    @cached_property
    def candidates(self) -> Mapping[str, Sequence[Candidate]]:
        """The candidates of each slot by the slot's path."""
        return slot_candidates(self.space, self.scale)

    def is_native(self, path: str, candidate: Candidate) -> bool:
        """Whether a candidate is what stood in the slot before it was opened, at whatever bit-width.

        Args:
            path: Of the slot.
            candidate: One of its candidates.
        """
        return is_native(candidate, find_shapes(self.space, self.scale)[path])

    @cached_property
    def leaders(self) -> list[int]:
        """For each slot, the number of the first one that shares its choice, which may be the slot itself."""
        return leaders(self.space, self.candidates)

    @cached_property
    def prices(self) -> Prices:
        """What the candidates cost: ``task.prices[cost]`` is the table of a cost, with the slots as rows."""
        return Prices(count_space(self.space, self.scale, self.train_quantizer, LR_SIZE), self.device)

    @cached_property
    def allowed(self) -> AllowedNetworks:
        """The networks that keep to the limits, the only ones that a search may find: ``task.allowed.best(scores)``."""
        return AllowedNetworks.of(self.space, self.scale, self.train_quantizer, self.costs, self.limits)

    def front_limits(self, points: int) -> list[dict[str, int]]:
        """The limits of each point of a front, the tightest first; see :class:`FrontLimits`.

        Args:
            points: How many, at least 2.
        """
        return FrontLimits(
            space=self.space,
            scale=self.scale,
            quantizer=self.train_quantizer,
            costs=self.costs,
            limits=self.limits,
            points=points,
        ).each

    def under(self, limits: Mapping[str, int]) -> Self:
        """The same with other limits."""
        return replace(self, limits=limits)

    def multipliers(self, steps: int) -> Multipliers:
        """What leads probabilities to the limits.

        Args:
            steps: Steps that they take.
        """
        return Multipliers(self.limits, {name: self.prices[self.costs[name]] for name in self.limits}, steps)

    def expected(self, cost: str | Cost, probabilities: Tensor) -> Tensor:
        """The expected cost at (slots, candidates) probabilities, on an LR image of 32 x 32.

        Args:
            cost: A cost, or the name of one of :attr:`costs`.
            probabilities: Of the candidates in each slot.
        """
        return self.prices[self.costs[cost] if isinstance(cost, str) else cost].expected(probabilities)

    def expected_costs(self, probabilities: Tensor) -> dict[str, float]:
        """All of :attr:`costs` at these probabilities, as :meth:`expected` gives them: for the history."""
        return {name: float(self.expected(cost, probabilities)) for name, cost in self.costs.items()}

    def expected_bitops(self, probabilities: Tensor) -> Tensor:
        """The former name of ``expected("bitops", probabilities)``."""
        Deprecated("0.2", "SearchTask.expected('bitops', ...)").warn("SearchTask.expected_bitops")
        return self.expected("bitops", probabilities)

    def rows(self, chosen: Mapping[str, Candidate]) -> Tensor:
        """The choice as probabilities (slots, candidates), one 1 in each row."""
        return one_hot(self.candidates, chosen).to(self.device)

    def draw(self, random: np.random.Generator) -> dict[str, Candidate]:
        """A random network within the limits; slots that share a choice get the same candidate.

        All networks are equally likely, except under limits that fewer than one in a thousand keeps to.

        Args:
            random: Such as ``task.stream("samples", step)``.
        """
        return self.allowed.draw(random)

    def architecture(self, chosen: Mapping[str, Candidate]) -> Architecture:
        """The architecture with these candidates, for a :class:`qnas.SearchOutcome`.

        Args:
            chosen: The candidate of each slot by the slot's path.
        """
        return Architecture.from_candidates(self.space, self.scale, chosen)
