"""A supernet that is trained along random paths, for networks to be taken out of it with their weights."""

from collections.abc import Callable

import qnas
import torch


class RandomPaths(qnas.Loop):
    """The training of a supernet, a random network of it in each step (Guo et al. 2020, SPOS, arXiv 1904.00420).

    Args:
        task: Of the search.
        steps: Optimizer steps.
        batch: Patches in a batch.
        learning_rate: Of Adam at the start; it falls to 0 along a cosine.
    """

    def __init__(self, task: qnas.SearchTask, steps: int, batch: int, learning_rate: float) -> None:
        self.task = task
        self.steps = steps
        torch.manual_seed(int(task.stream("supernet").integers(2**63)))
        self.supernet = task.machine.place(qnas.Supernet(task.space, task.scale, task.search_quantizer))
        self.batches = task.sampler(task.images.training, batch, "paths")
        self.sample = task.sampler(task.images.training, batch, "calibration").draw()
        alike = self.supernet.probabilities().detach()
        qnas.calibrate_for_training(self.supernet, lambda: self.supernet(self.sample.lr, alike))
        optimizer = qnas.adam(self.supernet, learning_rate, but=self.supernet.alpha)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        criterion = task.criterion(self.supernet.network)
        self._take_step = qnas.WeightStep(task.machine, optimizer, schedule, self.supernet.weights(), 5.0, criterion)
        super().__init__(task.machine, self.supernet, [optimizer], [schedule], [self.batches], "stop", criterion)

    def train(self, keep: Callable[[int], object]) -> None:
        """Train to the end; ``keep`` is called after each step.

        Raises:
            Diverged: The loss is not a finite number.
        """
        self.go_on(self.steps, keep)
        self.refuse_diverged()

    def advance(self) -> None:
        """See :meth:`qnas.Loop.advance`."""
        path = self.supernet.one_hot(self.task.draw(self.task.stream("path", self.step)))
        self.supernet.train()
        loss = self._take_step(lambda lr_image: self.supernet(lr_image, path), self.batches.draw())
        self.count(loss)
        self.task.journal.step(self.step, {"loss": loss})

    def get_extra_state(self) -> qnas.State:
        """Nothing: the path of a step depends on its number alone."""
        return {}

    def set_extra_state(self, state: qnas.State) -> None:
        """See :meth:`get_extra_state`."""
