"""Trainings in a row, each from the weights that the one before has left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from qnas.core.files.state import State
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.trainer import Trained, Trainer

Weights = Mapping[str, Tensor]
MakeTrainer = Callable[[Weights, int], Trainer]
"""Makes a trainer from the state dict to start from, and the number of steps that were taken before it."""


class Chain:
    """Trainings in a row. It can be saved after any step and continued, like the one that is under way.

    Args:
        makers: Make the trainers, in order.
        first: What the first one starts from.
        checkpoints: Where the state is kept.
    """

    def __init__(self, makers: Sequence[MakeTrainer], first: Weights, checkpoints: Checkpoints) -> None:
        self._makers = makers
        self._checkpoints = checkpoints
        self._begin(0, first, 0)

    def run(self) -> Trained:
        """Train to the end; the outcome is that of the last training, with steps counted from the first on."""
        self._checkpoints.restore(self)
        while True:
            trained = self._trainer.run(lambda step: self._checkpoints.keep(self._steps_before + step, self))
            if self._number == len(self._makers) - 1:
                return replace(trained, best_step=self._steps_before + trained.best_step)
            self._begin(self._number + 1, trained.last, self._steps_before + self._trainer.schedule.steps)

    def state_dict(self) -> State:
        """Which training is under way, what it started from, and its state."""
        return {
            "number": self._number,
            "started_from": dict(self._started_from),
            "steps_before": self._steps_before,
            "trainer": self._trainer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._begin(state["number"], state["started_from"], state["steps_before"])
        self._trainer.load_state_dict(state["trainer"])

    def _begin(self, number: int, weights: Weights, steps_before: int) -> None:
        self._number, self._started_from, self._steps_before = number, weights, steps_before
        self._trainer = self._makers[number](weights, steps_before)
