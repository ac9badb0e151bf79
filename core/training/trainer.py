"""Training one network: L1 loss, Adam, cosine; the best and the last weights are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qnas.core.files.state import State
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler
from qnas.core.training.loop import Loop
from qnas.core.training.loss import mean_absolute_error
from qnas.core.training.machine import Precision, autocast
from qnas.core.training.optimizer import ONE_RATE, OwnRates, adam, clip_gradients
from qnas.core.training.settings import OnDivergence
from qnas.core.upscale.scoring import validate

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
        on_divergence: What to do when the loss is no finite number.
        own: Learning rates of their own, which fall alike.
    """

    steps: int
    learning_rate: float
    validations: int
    clip: float
    precision: Precision
    on_divergence: OnDivergence = "stop"
    own: OwnRates = ONE_RATE


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
        halvings: How many times the learning rate was halved, as the training diverged.
    """

    best: dict[str, Tensor]
    best_psnr: float
    best_step: int
    last: dict[str, Tensor]
    last_psnr: float
    last_error: float
    halvings: int


class Training(Loop):
    """One training under way. The network is trained in place and left with its last weights, in evaluation mode.

    Args:
        network: Calibrated, on its device.
        batches: Where the patches come from.
        validation: Images to validate on, whole.
        schedule: How to train.
        on_step: Told of every step: its number from 1, ``loss``.
        on_validation: Told of every validation instead: the step, the mean ``loss`` since the last one, ``psnr``.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: PatchSampler,
        validation: Sequence[ImagePair],
        schedule: Schedule,
        on_step: OnStep,
        on_validation: OnStep,
    ) -> None:
        self.batches = batches
        self.validation = validation
        self.schedule = schedule
        self.optimizer = adam(network, schedule.learning_rate, own=schedule.own)
        self.cosine = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, schedule.steps)
        self._on_step = on_step
        self._on_validation = on_validation
        self._due = {schedule.steps * (i + 1) // schedule.validations for i in range(schedule.validations)} - {0}
        self._best: dict[str, Tensor] = {}
        self._best_psnr, self._best_step = float("-inf"), 0
        self._psnr, self._error = float("nan"), float("nan")
        super().__init__(
            network, [self.optimizer], [self.cosine], [batches], schedule.precision, schedule.on_divergence
        )

    def run(self, keep: Callable[[int], object] = lambda _: None) -> Trained:
        """Train to the end.

        Args:
            keep: Called after each step; it may take the state.

        Raises:
            Diverged: See :meth:`Loop.go_on`.
        """
        self.go_on(self.schedule.steps, keep)
        self.network.eval()
        last = _snapshot(self.network)
        return Trained(self._best, self._best_psnr, self._best_step, last, self._psnr, self._error, self.halvings)

    def advance(self) -> None:
        """See :meth:`Loop.advance`."""
        loss = train_step(self.network, self.optimizer, self.batches, self.schedule)
        self.cosine.step()
        self.count(loss)
        if self.step in self._due:
            self._validate()
        else:
            self._on_step(self.step, {"loss": loss})

    def _validate(self) -> None:
        loss = self.mean_loss()
        self._psnr, self._error = validate(
            self.network.eval(), self.validation, self.batches.scale, self.batches.device
        )
        if self._psnr > self._best_psnr:
            self._best, self._best_psnr, self._best_step = _snapshot(self.network), self._psnr, self.step
        self.mark_judged()
        self._on_validation(self.step, {"loss": loss, "psnr": self._psnr})

    def get_extra_state(self) -> State:
        """See :meth:`Loop.get_extra_state`."""
        return {
            "best": self._best,
            "best_psnr": self._best_psnr,
            "best_step": self._best_step,
            "psnr": self._psnr,
            "error": self._error,
        }

    def set_extra_state(self, state: State) -> None:
        """See :meth:`Loop.set_extra_state`."""
        self._best, self._best_psnr, self._best_step = state["best"], state["best_psnr"], state["best_step"]
        self._psnr, self._error = state["psnr"], state["error"]


def train_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, batches: PatchSampler, schedule: Schedule
) -> Tensor:
    """One step; the loss."""
    network.train()
    batch = batches.draw()
    with autocast(batches.device, schedule.precision):
        enlarged = network(batch.lr)
    loss = mean_absolute_error(enlarged, batch.hr)
    optimizer.zero_grad()
    loss.backward()
    clip_gradients(network.parameters(), schedule.clip)
    optimizer.step()
    return loss.detach()


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
