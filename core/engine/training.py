"""Training one network: L1 loss, Adam, cosine; the best and the last weights are kept."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.core.engine.device import autocast
from qnas.core.engine.evaluate import validate
from qnas.core.engine.images import ImagePair
from qnas.core.engine.optimizer import adam, clip_gradients
from qnas.core.engine.patches import PatchSampler
from qnas.core.errors import QnasError
from qnas.core.spec.spec import Precision

OnStep = Callable[[int, dict[str, object]], None]


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Attributes:
        steps: Optimizer steps.
        learning_rate: Of Adam at the start; it falls to 0 along a cosine.
        validations: How many times, evenly spread, the network is validated; the last is at the end.
        clip: Largest norm of the gradient.
        precision: Of convolutions.
    """

    steps: int
    learning_rate: float
    validations: int
    clip: float
    precision: Precision


@dataclass(frozen=True)
class Trained:
    """What training left.

    Attributes:
        best: Weights of the best validation.
        best_psnr: Its PSNR on Y in dB.
        best_step: When it was.
        last: Weights at the end.
        last_psnr: PSNR at the end.
        last_error: Mean absolute error (0..1) at the end.
    """

    best: dict[str, Tensor]
    best_psnr: float
    best_step: int
    last: dict[str, Tensor]
    last_psnr: float
    last_error: float


def train(
    network: nn.Module,
    batches: PatchSampler,
    validation: Sequence[ImagePair],
    schedule: Schedule,
    on_step: OnStep,
    on_validation: OnStep,
) -> Trained:
    """Train ``network`` in place; it is left with its last weights, in evaluation mode.

    Args:
        network: Calibrated, on its device.
        batches: Where the patches come from.
        validation: Images to validate on, whole.
        schedule: How to train.
        on_step: Told of every step: its number from 1, ``loss``.
        on_validation: Told of every validation: the step, the mean ``loss`` since the last one, ``psnr``.

    Raises:
        QnasError: The loss is no longer a finite number.
    """
    optimizer = adam(network, schedule.learning_rate)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule.steps)
    due = {schedule.steps * (i + 1) // schedule.validations for i in range(schedule.validations)} - {0}
    best, best_psnr, best_step, psnr, error = {}, float("-inf"), 0, float("nan"), float("nan")
    losses: list[Tensor] = []
    for step in range(1, schedule.steps + 1):
        loss = train_step(network, optimizer, batches, schedule)
        cosine.step()
        losses.append(loss)
        if step not in due:
            on_step(step, {"loss": loss})
            continue
        psnr, error = validate(network.eval(), validation, batches.scale, batches.device)
        on_validation(step, {"loss": mean_loss(losses, step), "psnr": psnr})
        losses.clear()
        if psnr > best_psnr:
            best, best_psnr, best_step = _snapshot(network), psnr, step
    network.eval()
    return Trained(best, best_psnr, best_step, _snapshot(network), psnr, error)


def mean_loss(losses: Sequence[Tensor], step: int) -> float:
    """The mean of some losses, read from the device all at once.

    Raises:
        QnasError: One was no finite number: nothing that is learned from then on means anything.
    """
    mean = float(torch.stack(list(losses)).mean())
    if not math.isfinite(mean):
        raise QnasError(f"the loss is {mean} by step {step}: lower the learning rate and run again")
    return mean


def train_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, batches: PatchSampler, schedule: Schedule
) -> Tensor:
    """One step; the loss."""
    network.train()
    batch = batches.draw()
    with autocast(batches.device, schedule.precision):
        enlarged = network(batch.lr)
    loss = F.l1_loss(enlarged.float(), batch.hr)
    optimizer.zero_grad()
    loss.backward()
    clip_gradients(network.parameters(), schedule.clip)
    optimizer.step()
    return loss.detach()


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
