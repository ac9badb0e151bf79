"""One step of training, of a supernet's weights and of a found network alike."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from qnas.core.images.patches import Batch
from qnas.core.training.criterion import Criterion, Upscale
from qnas.core.training.machine import Machine


def batch_loss(machine: Machine, upscale: Upscale, batch: Batch, criterion: Criterion | None = None) -> Tensor:
    """The loss on a batch, differentiable.

    Args:
        machine: Where to compute.
        upscale: The network, or what runs it.
        batch: Of patches.
        criterion: What is minimized; by default L1.
    """
    return (criterion or Criterion())(machine, upscale, batch)


@dataclass(frozen=True)
class WeightStep:
    """Lowers the loss on a batch by one step of an optimizer.

    Attributes:
        machine: Where to compute.
        optimizer: Of the weights.
        schedule: The schedule of its learning rates.
        parameters: What the optimizer trains; their gradients are clipped together.
        clip: Largest norm of the gradient.
        criterion: What is minimized; by default L1.
        accumulate: Parts of a batch that are computed one after the other; their gradients are added up.
    """

    machine: Machine
    optimizer: Optimizer
    schedule: LRScheduler
    parameters: list[nn.Parameter]
    clip: float
    criterion: Criterion = field(default_factory=Criterion)
    accumulate: int = 1

    def __call__(self, upscale: Upscale, batch: Batch) -> Tensor:
        """Take the step with a network in training mode, and return the loss before it, detached."""
        self.optimizer.zero_grad()
        loss = torch.stack([self._add_gradients(upscale, part, batch) for part in batch.parts(self.accumulate)]).sum()
        self._step()
        return loss

    def lower(self, loss: Tensor) -> None:
        """Take the step that lowers ``loss``, a scalar; whatever else it depends on gets gradients too."""
        self.optimizer.zero_grad()
        self.machine.backward(loss)
        self._step()

    def _add_gradients(self, upscale: Upscale, part: Batch, whole: Batch) -> Tensor:
        """Add a part's share in the gradients of the whole batch; the loss of the part times that share, detached."""
        loss = batch_loss(self.machine, upscale, part, self.criterion) * (len(part.lr) / len(whole.lr))
        self.machine.backward(loss)
        return loss.detach()

    def _step(self) -> None:
        self.machine.average(self.parameters)
        self.machine.clip(self.parameters, self.clip)
        self.optimizer.step()
        self.schedule.step()
