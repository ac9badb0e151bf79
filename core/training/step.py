"""One step of training, of a supernet's weights and of a found network alike."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from qnas.core.images.patches import Batch
from qnas.core.training.loss import mean_absolute_error
from qnas.core.training.machine import Machine

Upscale = Callable[[Tensor], Tensor]
"""Turns an LR image (N, 3, H, W) into an SR image (N, 3, H * scale, W * scale), both in 0..1."""


def batch_loss(machine: Machine, upscale: Upscale, batch: Batch) -> Tensor:
    """The loss on a batch, differentiable."""
    with machine.autocast():
        upscaled = upscale(batch.lr)
    return mean_absolute_error(upscaled, batch.hr)


@dataclass(frozen=True)
class WeightStep:
    """Lowers the loss on a batch by one step of an optimizer.

    Attributes:
        machine: Where to compute.
        optimizer: Of the weights.
        schedule: The schedule of its learning rates.
        parameters: What the optimizer trains; their gradients are clipped together.
        clip: Largest norm of the gradient.
    """

    machine: Machine
    optimizer: Optimizer
    schedule: LRScheduler
    parameters: list[nn.Parameter]
    clip: float

    def __call__(self, upscale: Upscale, batch: Batch) -> Tensor:
        """Take the step with a network in training mode, and return the loss before it, detached."""
        loss = batch_loss(self.machine, upscale, batch)
        self.optimizer.zero_grad()
        self.machine.backward(loss)
        self.machine.clip(self.parameters, self.clip)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()
