"""What a searcher returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor

from qnas.core.network import Architecture, Tie
from qnas.core.search.choices import Choices


@dataclass(frozen=True)
class FrontPoint:
    """A network of a front.

    Attributes:
        limits: What it keeps to, by the cost's name.
        architecture: The network.
    """

    limits: Mapping[str, int]
    architecture: Architecture

    @classmethod
    def of(cls, task: Choices, scores: Tensor) -> Self:
        """The network within the limits of a task whose (slots, candidates) scores have the highest sum."""
        return cls(task.limits, task.architecture(task.allowed.best(scores)))


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found.

    Attributes:
        best: The architecture of the best objective that was measured.
        last: The architecture at the end.
        ties: Slots whose choice in ``best`` was close.
        supernet: The weights that the supernet had when ``best`` was found, if there is one.
        supernet_psnr: Its PSNR on Y in dB on the held-out images, as the mixture it was.
        details: What else is worth keeping in the search's result, such as entropies.
        rivals: Other networks to judge beside ``best`` at the end, by name; they keep to the limits.
        front: What was found at each of several limits, the tightest first; ``best`` is the last of them.
    """

    best: Architecture
    last: Architecture
    ties: Sequence[Tie] = ()
    supernet: Mapping[str, Tensor] | None = None
    supernet_psnr: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    rivals: Mapping[str, Architecture] = field(default_factory=dict)
    front: Sequence[FrontPoint] = ()
