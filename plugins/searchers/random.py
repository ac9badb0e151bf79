"""Random search: the honest baseline of every architecture search."""

import functools

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt

from qnas.core.components import Searcher
from qnas.core.engine.device import place
from qnas.core.engine.evaluate import calibrate
from qnas.core.engine.search import SearchOutcome, SearchProgress, SearchTask, penalty
from qnas.core.engine.training import Schedule, Trained, train
from qnas.core.network import Candidate, build_found, one_hot, slot_candidates, uniform


class RandomSearch(Searcher):
    """Draws architectures uniformly, trains each for a while with its real quantizer and keeps the best.

    The best has the lowest objective: the absolute error on the held-out images plus the penalties of its
    one-hot probabilities, the cost among them; the same that the differentiable search keeps its best by.

    Attributes:
        samples: Architectures to try.
        steps: Training steps of each.
        learning_rate: Of Adam at the start of each training.
        clip: Largest norm of the gradient.
    """

    example = {"samples": 2, "steps": 2, "batch": 2}

    samples: PositiveInt = 10
    steps: PositiveInt = 200
    learning_rate: PositiveFloat = 1e-3
    clip: PositiveFloat = 5.0

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`."""
        return self.samples * self.steps

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        candidates = slot_candidates(task.space, task.scale)
        random = np.random.default_rng(task.seed)
        tried: list[tuple[float, dict[str, Candidate]]] = []
        for sample in range(self.samples):
            chosen = {path: options[random.integers(len(options))] for path, options in candidates.items()}
            trained = self._train(task, chosen, sample)
            rows = one_hot(candidates, chosen).to(task.device)
            state = SearchProgress(torch.zeros_like(rows), rows, uniform(candidates).to(task.device), 0, 1, task.prices)
            objective = trained.last_error + float(penalty(task.regularizers, state))
            tried.append((objective, chosen))
            record = {"sample": sample, "psnr": trained.last_psnr, "objective": objective}
            bitops = float(task.expected_bitops(rows))
            task.journal.record((sample + 1) * self.steps, {**record, "bitops": bitops})
        best = min(tried, key=lambda item: item[0])[1]
        return SearchOutcome(best=task.architecture(best), last=task.architecture(tried[-1][1]))

    def _train(self, task: SearchTask, chosen: dict[str, Candidate], sample: int) -> Trained:
        torch.manual_seed(task.seed + sample)
        network = place(build_found(task.space, task.scale, chosen, task.train_quantizer), task.device)
        images = [*task.images.weights, *task.images.architecture]
        batches = task.sampler(images, self.batch, purpose=sample)
        calibrate(network, functools.partial(network, batches.draw().lr))
        schedule = Schedule(self.steps, self.learning_rate, 1, self.clip, task.precision)

        def report(step: int, metrics: dict[str, object]) -> None:
            task.journal.step(sample * self.steps + step, metrics)

        def report_nothing(step: int, metrics: dict[str, object]) -> None:
            """The whole sample is recorded once its objective is known."""

        return train(network, batches, task.images.validation, schedule, report, report_nothing)
