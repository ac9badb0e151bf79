"""Random search: the honest baseline of every architecture search."""

import numpy as np
import torch
from pydantic import PositiveFloat

from qnas.core.files.state import State
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask
from qnas.core.settings import Amount
from qnas.core.training.optimizer import OwnRates
from qnas.core.training.schedule import Schedule
from qnas.core.training.settings import OnDivergence
from qnas.core.training.trainer import Trainer


class RandomSearch(Searcher):
    """Draws architectures uniformly, trains each for a while with its real quantizer and keeps the best.

    Under limits, it draws only what keeps to them. The best has the lowest objective: the absolute error on the
    held-out images plus the penalties, such as the cost, of its one-hot probabilities. The differentiable search uses
    the same objective.

    Attributes:
        samples: Architectures to try.
        steps: Training steps of each.
        learning_rate: Of Adam at the start of each training.
        scalar_learning_rate: Of learned scalars outside of layers, such as ADQ's slope and offset; by default that of
            the weights, as published. Short trainings need more: each step of Adam moves a scalar by about the rate,
            whatever its size.
        step_learning_rate: Of what quantizers learn, such as steps; by default that of the weights.
        clip: Largest norm of the gradient.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to train the architecture again at half
            the learning rate (``lower-rate``), at most 5 times.
    """

    example = {"samples": 2, "steps": 2, "batch": 2}

    samples: Amount = 10
    steps: Amount = 200
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    clip: PositiveFloat = 5.0
    on_divergence: OnDivergence = "stop"

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`."""
        return self.samples * self.steps

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        return Sampling(self, task).run()


class Sampling:
    """One random search under way."""

    def __init__(self, settings: RandomSearch, task: SearchTask) -> None:
        self.settings = settings
        self.task = task
        random = np.random.default_rng(task.seed)
        self.drawn = [task.draw(random) for _ in range(settings.samples)]
        self.objectives: list[float] = []
        self.training: Trainer | None = None

    def run(self) -> SearchOutcome:
        """Try all samples."""
        self.task.checkpoints.restore(self)
        while len(self.objectives) < self.settings.samples:
            self._try(len(self.objectives))
        best = self.drawn[self.objectives.index(min(self.objectives))]
        return SearchOutcome(best=self.task.architecture(best), last=self.task.architecture(self.drawn[-1]))

    def state_dict(self) -> State:
        """The state of the search: what was tried, and the training under way."""
        return {"objectives": self.objectives, "training": self.training and self.training.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Continue from such a state."""
        self.objectives = state["objectives"]
        if state["training"]:
            self.training = self._begin(len(self.objectives))
            self.training.load_state_dict(state["training"])

    def _try(self, sample: int) -> None:
        """Train one architecture, and record its objective."""
        self.training = self.training or self._begin(sample)
        before = sample * self.settings.steps
        trained = self.training.run(lambda step: self.task.checkpoints.keep(before + step, self))
        self.training = None
        objective = self.task.objective(trained.last_error, self.drawn[sample])
        self.objectives.append(objective)
        record = {"sample": sample, "psnr": trained.last_psnr, "objective": objective}
        costs = self.task.expected_costs(self.task.rows(self.drawn[sample]))
        self.task.journal.record(before + self.settings.steps, {**record, **costs})

    def _begin(self, sample: int) -> Trainer:
        """The training of one architecture."""
        task, settings = self.task, self.settings
        torch.manual_seed(task.seed + sample)
        schedule = Schedule(
            settings.steps,
            settings.learning_rate,
            clip=settings.clip,
            on_divergence=settings.on_divergence,
            own=OwnRates(settings.scalar_learning_rate, settings.step_learning_rate),
        )

        def report(step: int, metrics: dict[str, object]) -> None:
            task.journal.step(sample * settings.steps + step, metrics)

        network = task.build(self.drawn[sample])
        return task.trainer(network, schedule, settings.batch, f"sample {sample}", report)
