"""Training one network: Adam, cosine; the best and the last weights are kept.

Where the schedule asks for a moving average, that is what is validated and kept.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from qnas.core.components import Pixels
from qnas.core.files.state import State
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler
from qnas.core.network.calibration import calibrate, calibrate_for_training
from qnas.core.network.reparameterization import fuse_branches, fused_state, grow_branches
from qnas.core.training.average import Average
from qnas.core.training.criterion import Criterion
from qnas.core.training.loop import Loop
from qnas.core.training.machine import Machine
from qnas.core.training.optimizer import adam, adamw
from qnas.core.training.rates import cosine
from qnas.core.training.schedule import Schedule
from qnas.core.training.step import WeightStep
from qnas.core.upscale.scoring import validate

OnStep = Callable[[int, dict[str, object]], None]


def report_nothing(step: int, metrics: dict[str, object]) -> None:
    """What a trainer reports to by default."""
    del step, metrics


@dataclass(frozen=True)
class Trained:
    """The outcome of a training.

    Attributes:
        best: The state dict of the network at its best validation.
        best_psnr: Its PSNR on Y in dB.
        best_step: The step of this validation.
        last: The state dict at the end.
        last_psnr: PSNR on Y in dB at the end.
        last_error: Mean absolute error in 0..1 at the end.
        halvings: How many times the learning rate was halved because the training diverged.
    """

    best: dict[str, Tensor]
    best_psnr: float
    best_step: int
    last: dict[str, Tensor]
    last_psnr: float
    last_error: float
    halvings: int


class Trainer(Loop):
    """Trains one network in place, and leaves it with its last weights (or their average), in evaluation mode.

    While it trains, convolutions have the branches that their operations ask for; afterwards these are fused.

        trainer = qnas.Trainer(machine, network, batches, validation, qnas.Schedule(1000, 1e-3))
        trainer.calibrate()
        trained = trainer.run()

    It can be saved after any step and continued: ``run`` calls ``keep`` after each step, which may save
    ``trainer.state_dict()``. A new trainer of the same network, batches and schedule continues after
    ``load_state_dict`` and ``run``.

    Args:
        machine: Where to compute.
        network: On the machine's device; calibrated before, or by :meth:`calibrate`.
        batches: The sampler of the training patches.
        validation: Images to validate on, whole.
        schedule: How many steps, and at which rates.
        on_step: Called after every step with its number, from 1, and its ``loss``; where that is a sum, with its parts
            by name in ``losses``; with its ``learning_rate`` where the rate has a warm-up, and its ``patch`` where
            patches grow.
        on_validation: Called instead after steps that end with a validation, with the step's number, the mean ``loss``
            since the last validation, ``psnr`` on Y in dB, the rest as above, and ``images``, a list of
            each image with what the network makes of it.
        criterion: What is minimized; by default L1.
    """

    def __init__(
        self,
        machine: Machine,
        network: nn.Module,
        batches: PatchSampler,
        validation: Sequence[ImagePair],
        schedule: Schedule,
        on_step: OnStep = report_nothing,
        on_validation: OnStep = report_nothing,
        criterion: Criterion | None = None,
    ) -> None:
        grow_branches(network)
        criterion = criterion or Criterion()
        self.batches = batches
        self.validation = validation
        self.schedule = schedule
        optimizer = optimizer_of(network, schedule)
        rates = cosine(optimizer, schedule.steps, schedule.warmup)
        parameters = list(network.parameters())
        self._take_step = WeightStep(
            machine, optimizer, rates, parameters, schedule.clip, criterion, schedule.accumulate
        )
        self._average = Average(network, schedule.ema) if schedule.ema and schedule.steps else None
        self._on_step = on_step
        self._on_validation = on_validation
        self._due = {schedule.steps * (i + 1) // schedule.validations for i in range(schedule.validations)} - {0}
        self._best: dict[str, Tensor] = {}
        self._best_psnr, self._best_step = float("-inf"), 0
        self._psnr, self._error = float("nan"), float("nan")
        super().__init__(machine, network, [optimizer], [rates], [batches], schedule.on_divergence, criterion)

    def calibrate(self) -> None:
        """Let the network's quantizers set themselves up from the first batch.

        They see it as in training, or, where there are no steps, as the network will be used.
        """
        self._fit_patches()
        first = self.batches.draw()
        in_float = self.schedule.calibration == "float"
        if self.schedule.steps:
            calibrate_for_training(self.network, lambda: self.network(first.lr), in_float=in_float)
        else:
            calibrate(self.network.eval(), lambda: self.network(first.lr), in_float=in_float)

    def run(self, keep: Callable[[int], object] = lambda _: None) -> Trained:
        """Train to the end; without steps, validate the network as it is.

        Args:
            keep: Called after each step; it may take the state.

        Raises:
            Diverged: See :meth:`Loop.go_on`.
        """
        self.go_on(self.schedule.steps, keep)
        if not self.schedule.steps:
            self._validate({})
        self.network.eval()
        if self._average is not None:
            self.network.load_state_dict(self._average.state)
        fuse_branches(self.network)
        last = _snapshot(self.network)
        return Trained(self._best, self._best_psnr, self._best_step, last, self._psnr, self._error, self.halvings)

    def advance(self) -> None:
        """See :meth:`Loop.advance`."""
        self.network.train()
        self._fit_patches()
        options = self._options_in_force()
        loss = self._take_step(self.network, self.batches.draw())
        self.count(loss)
        if self._average is not None:
            self._average.update(self.step)
        if self.step in self._due:
            self._validate(options)
        else:
            self._on_step(self.step, {"loss": loss, **self.criterion.last, **options})

    def _fit_patches(self) -> None:
        """Give the sampler the patches of the next step."""
        self.batches.patch = self.schedule.patch_after(self.step) or self.batches.patch

    def _options_in_force(self) -> dict[str, float]:
        """What the next step is taken with, of all that is there only if it was asked for."""
        rate: float = self.optimizers[0].param_groups[0]["lr"]
        return {
            **({"learning_rate": rate} if self.schedule.warmup else {}),
            **({"patch": self.batches.patch} if self.schedule.patches else {}),
        }

    def _validate(self, options: Mapping[str, float]) -> None:
        losses = {"loss": self.mean_loss(), **self.criterion.means} if self.losses else {}
        images: list[tuple[ImagePair, Pixels]] = []
        with contextlib.nullcontext() if self._average is None else self._average.in_place():
            self._psnr, self._error = validate(
                self.network.eval(),
                self.validation,
                self.batches.scale,
                self.batches.device,
                lambda *image: images.append(image),
            )
            if self._psnr > self._best_psnr:
                self._best, self._best_psnr, self._best_step = _snapshot(self.network), self._psnr, self.step
        self.mark_judged()
        self._on_validation(self.step, {**losses, "psnr": self._psnr, **options, "images": images})

    def get_extra_state(self) -> State:
        """See :meth:`Loop.get_extra_state`."""
        average = {} if self._average is None else {"average": self._average.state}
        return {
            **average,
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
        if self._average is not None:
            self._average.load(state["average"])


def optimizer_of(network: nn.Module, schedule: Schedule) -> Optimizer:
    """The optimizer that a schedule asks for: Adam, or AdamW where weights decay."""
    rate, own = schedule.learning_rate, schedule.own
    return adamw(network, rate, schedule.weight_decay, own) if schedule.weight_decay else adam(network, rate, own=own)


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in fused_state(network).items()}
