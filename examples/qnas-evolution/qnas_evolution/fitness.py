"""The two ways to find out how good a network is: train it for a while, or take its weights from a supernet."""

from collections.abc import Callable, Mapping
from typing import Protocol

import qnas
import torch

from qnas_evolution.supernet import RandomPaths

Chosen = Mapping[str, qnas.Candidate]


class Fitness(Protocol):
    """Measures networks."""

    steps: int
    """Steps that it takes, and reports, before the first network can be measured."""

    def prepare(self, keep: Callable[[int], None]) -> None:
        """Take these steps; ``keep`` is called after each."""

    def measure(self, chosen: Chosen, number: int) -> tuple[float, float]:
        """PSNR on Y in dB and absolute error in 0..1 on the held-out images of the ``number``-th network."""

    def state_dict(self) -> qnas.State:
        """What to keep of it."""

    def load_state_dict(self, state: qnas.State) -> None:
        """Go on from there."""


class Trained:
    """Trains each network for a while, from weights that depend on its number alone."""

    steps = 0

    def __init__(self, task: qnas.SearchTask, train_steps: int, batch: int, learning_rate: float) -> None:
        self._task = task
        self._train_steps = train_steps
        self._batch = batch
        self._learning_rate = learning_rate

    def prepare(self, keep: Callable[[int], None]) -> None:
        """Nothing has to be prepared."""

    def measure(self, chosen: Chosen, number: int) -> tuple[float, float]:
        """See :meth:`Fitness.measure`."""
        torch.manual_seed(int(self._task.stream("weights", number).integers(2**63)))
        network = self._task.build(chosen)
        purpose = f"evolution {number}"
        return self._task.train(
            network, self._train_steps, purpose, batch=self._batch, learning_rate=self._learning_rate
        )

    def state_dict(self) -> qnas.State:
        """Nothing: each network is trained on its own."""
        return {}

    def load_state_dict(self, state: qnas.State) -> None:
        """See :meth:`state_dict`."""


class Inherited:
    """Trains a supernet once, and takes each network out of it with its weights."""

    def __init__(self, task: qnas.SearchTask, train_steps: int, batch: int, learning_rate: float) -> None:
        self.steps = train_steps
        self._task = task
        self._training = RandomPaths(task, train_steps, batch, learning_rate)

    def prepare(self, keep: Callable[[int], None]) -> None:
        """Train the supernet."""
        self._training.train(keep)

    def measure(self, chosen: Chosen, number: int) -> tuple[float, float]:
        """See :meth:`Fitness.measure`."""
        del number
        return self._task.validate(self._task.derive(self._training.supernet, chosen, self._training.sample))

    def state_dict(self) -> qnas.State:
        """The supernet and its training."""
        return self._training.state_dict()

    def load_state_dict(self, state: qnas.State) -> None:
        """Go on from there."""
        self._training.load_state_dict(state)
