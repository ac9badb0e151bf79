"""The two ways to find out how good a network is: train it for a while, or take its weights from a supernet."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import qnas
import torch
from torch import Tensor, nn

Chosen = Mapping[str, qnas.Candidate]
State = dict[str, Any]


class Fitness(Protocol):
    """Measures networks."""

    steps: int
    """Steps that it takes, and reports, before the first network can be measured."""

    def prepare(self, keep: Callable[[int], None]) -> None:
        """Take these steps; ``keep`` is called after each."""

    def measure(self, chosen: Chosen, number: int) -> tuple[float, float]:
        """PSNR on Y in dB and absolute error in 0..1 on the held-out images of the ``number``-th network."""

    def state_dict(self) -> State:
        """What to keep of it."""

    def load_state_dict(self, state: State) -> None:
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

    def state_dict(self) -> State:
        """Nothing: each network is trained on its own."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """See :meth:`state_dict`."""


class Inherited:
    """Trains a supernet once, a random path in each step (Guo et al. 2020, SPOS), and takes networks out of it."""

    def __init__(self, task: qnas.SearchTask, train_steps: int, batch: int, learning_rate: float) -> None:
        self.steps = train_steps
        self._task = task
        torch.manual_seed(int(task.stream("supernet").integers(2**63)))
        supernet = qnas.Supernet(task.space, task.scale, task.search_quantizer)
        self._paths = _RandomPaths(task.machine.place(supernet), task)
        schedule = qnas.Schedule(train_steps, learning_rate)
        self._trainer = task.trainer(self._paths, schedule, batch, "evolution", self._report, self._report)
        self._sample = task.sampler(task.images.training, batch, "evolution calibration").draw()

    def prepare(self, keep: Callable[[int], None]) -> None:
        """Train the supernet."""
        self._trainer.run(keep)

    def measure(self, chosen: Chosen, number: int) -> tuple[float, float]:
        """See :meth:`Fitness.measure`."""
        del number
        return self._task.validate(self._task.derive(self._paths.supernet, chosen, self._sample))

    def state_dict(self) -> State:
        """The supernet and its training."""
        return {"trainer": self._trainer.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go on from there."""
        self._trainer.load_state_dict(state["trainer"])

    def _report(self, step: int, metrics: dict[str, object]) -> None:
        self._task.journal.step(step, metrics)


class _RandomPaths(nn.Module):
    """A supernet that is trained along another random path in each step, and calibrated and validated as a mixture.

    Attributes:
        step: How many steps there were; in the state, so that a training that goes on takes the same paths.
    """

    step: Tensor

    def __init__(self, supernet: qnas.Supernet, task: qnas.SearchTask) -> None:
        super().__init__()
        self.supernet = supernet
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self._task = task
        self._uniform = supernet.probabilities().detach()

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), both in 0..1."""
        result: Tensor = self.supernet(lr_image, self._probabilities())
        return result

    def _probabilities(self) -> Tensor:
        if not self.training:
            return self._uniform
        self.step += 1
        if int(self.step) == 1:  # the calibration, which is to see all candidates
            return self._uniform
        return self.supernet.one_hot(self._task.draw(self._task.stream("path", int(self.step))))
