"""The best that a search by gradient has found so far."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from qnas.core.files.state import State
from qnas.core.network import Architecture, Tie


@dataclass
class Best:
    """What was found when the objective was lowest."""

    objective: float
    epoch: int
    architecture: Architecture
    ties: list[Tie]
    supernet: dict[str, Tensor]
    supernet_psnr: float
    psnr: float | None = None  # older checkpoints have none

    def state(self) -> State:
        """The form in which a checkpoint keeps it."""
        return {**vars(self), "architecture": self.architecture.to_json(), "ties": [list(tie) for tie in self.ties]}

    @classmethod
    def of(cls, state: State) -> Self:
        """The best so far from what a checkpoint kept."""
        architecture = Architecture.from_json(state["architecture"], "the best architecture so far")
        return cls(**{**state, "architecture": architecture, "ties": [Tie(*tie) for tie in state["ties"]]})
