"""The two ways in which a search by gradient updates the architecture and the weights."""

from torch import Tensor

from qnas.core.images.patches import Batch
from qnas.core.search.task import SearchTask
from qnas.core.training.step import batch_loss
from qnas.plugins.searchers.gradient import GradientSearch
from qnas.plugins.searchers.gradient_settings import GradientSettings


class AlternatingSearch(GradientSearch):
    """Takes the step on alpha and the step on the weights one after the other, on different images, as published."""

    def __init__(self, settings: GradientSettings, task: SearchTask) -> None:
        self.weight_batches = task.sampler(task.images.weights, settings.batch, "search weights")
        self.alpha_batches = task.sampler(task.images.architecture, settings.batch, "search architecture")
        super().__init__(settings, task, [self.weight_batches, self.alpha_batches])

    def _update(self, epoch: int, temperature: float) -> Tensor:
        if epoch >= self.settings.warmup:
            self._alpha_step(self.alpha_batches.draw(), epoch, temperature)
        return self._weight_step(self.weight_batches.draw(), temperature)

    def _alpha_step(self, batch: Batch, epoch: int, temperature: float) -> None:
        sample = self._sample(temperature)
        loss = batch_loss(self.machine, lambda lr_image: self.supernet(lr_image, sample), batch, self._alpha_criterion)
        # Only the architecture's gradient is asked for, so none is computed for the weights.
        objective = loss + self._penalties(loss, epoch, temperature)
        (self.supernet.alpha.grad,) = self.machine.gradients(objective, [self.supernet.alpha])
        self.alpha.step()


class JointSearch(GradientSearch):
    """Takes both steps from the gradients of one loss on one batch: a single-level search.

    EdMIPS (Cai and Vasconcelos 2020, arXiv 2004.05795) and plinio's MPS (Risso et al. 2022, arXiv 2206.08852) search
    bit-widths in this way. The loss on the batch plus the penalties is differentiated once. Penalties do not depend on
    the weights, so the weights follow the loss alone, as in an alternating search. Batches come from all training
    images, because no half is kept from the weights.

    Note:
        Alpha could follow one half of a batch and the weights the other, even in a single backward pass, if each
        convolution kept apart what the halves contribute to the gradient of its kernel. But that computes as much as
        an alternating search with half the ``batch``, whose two gradients come from as many patches. So there is no
        such option.
    """

    def __init__(self, settings: GradientSettings, task: SearchTask) -> None:
        self.batches = task.sampler(task.images.training, settings.batch, "search")
        super().__init__(settings, task, [self.batches])

    def _update(self, epoch: int, temperature: float) -> Tensor:
        batch = self.batches.draw()
        if epoch < self.settings.warmup:
            return self._weight_step(batch, temperature)
        sample = self._sample(temperature)
        loss = batch_loss(self.machine, lambda lr_image: self.supernet(lr_image, sample), batch, self.criterion)
        self.alpha.zero_grad()
        self._take_step.lower(loss + self._penalties(loss, epoch, temperature))
        self.machine.average([self.supernet.alpha])
        self.alpha.step()
        return loss.detach()
