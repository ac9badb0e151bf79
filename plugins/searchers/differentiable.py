"""The differentiable search of QuantNAS: gradient steps on the architecture and on the weights."""

import logging
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator
from torch import Tensor, nn

from qnas.core.components import Space
from qnas.core.errors import QnasWarning
from qnas.core.files.state import State
from qnas.core.images.patches import Batch, PatchSampler
from qnas.core.network import Architecture, Candidate, Form, Supernet, Tie
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.sensitivity import Sensitivity, start_of_alpha
from qnas.core.search.task import SearchTask
from qnas.core.settings import Amount, invalid
from qnas.core.training.loop import Loop
from qnas.core.training.optimizer import OwnRates, adam
from qnas.core.training.settings import OnDivergence
from qnas.core.training.step import WeightStep, batch_loss
from qnas.plugins.regularizers.penalties import entropy
from qnas.plugins.searchers.collapse import EARLY, is_saturated, warnings_of
from qnas.plugins.searchers.relaxation import Relaxation, relax

Update = Literal["alternating", "joint"]
_LOGGER = logging.getLogger("qnas.search")


class DifferentiableSearch(Searcher):
    """Search by gradient (QuantNAS, arXiv 2208.14839), bilevel and first order unless ``update`` says otherwise.

    Under limits, multipliers lead alpha to them, and the most probable network that keeps to them is judged and found.

    Attributes:
        steps: Iterations, each one step on alpha and one on the weights.
        update: Whether alpha and the weights take their steps in turn, each on its own half of the training images
            (``alternating``, as published), or both from the gradients of one batch of all training images
            (``joint``, as in EdMIPS), which computes half as much.
        epochs: Number of equal parts of the search; after each, the architecture is judged.
        warmup: Epochs at the start in which alpha is frozen.
        relaxation: How alpha becomes probabilities.
        temperature: At the start of the search.
        final_temperature: At its end; it falls geometrically in between.
        learning_rate: Of Adam for the weights; it falls to 0 along a cosine.
        scalar_learning_rate: Of learned scalars outside of layers, such as ADQ's slope and offset; by default that of
            the weights, as published. Short trainings need more: each step of Adam moves a scalar by about the rate,
            whatever its size.
        step_learning_rate: Of what quantizers learn, such as steps; by default that of the weights.
        weight_decay: Of the weights.
        clip: Largest norm of the weights' gradient.
        alpha_learning_rate: Of Adam (betas 0.5, 0.999) for alpha.
        on_divergence: Whether to ``stop`` when the loss is not finite, or to go back to the last epoch's end and
            halve the learning rates (``lower-rate``), at most 5 times.
        tie: Two candidates whose probabilities differ by less are reported as a tie.
        start: Where the architecture starts: all candidates of a slot alike (``uniform``), or those ahead that add the
            least to the error of a network with float weights by themselves (``sensitivity``).
        form: ``merged`` computes all convolutions of a slot as one, ``plain`` one by one, for comparison.
    """

    leaves_supernet: ClassVar[bool] = True

    example = {"steps": 4, "epochs": 2, "batch": 2}

    steps: Amount = 2000
    update: Update = "alternating"
    epochs: Amount = 20
    warmup: NonNegativeInt = 0
    relaxation: Relaxation = "softmax"
    temperature: PositiveFloat = 1.0
    final_temperature: PositiveFloat = 1.0
    learning_rate: PositiveFloat = 1e-3
    scalar_learning_rate: PositiveFloat | None = None
    step_learning_rate: PositiveFloat | None = None
    weight_decay: NonNegativeFloat = 3e-8
    clip: PositiveFloat = 5.0
    alpha_learning_rate: PositiveFloat = 3e-4
    on_divergence: OnDivergence = "stop"
    tie: Annotated[float, Field(ge=0, le=1)] = 0.05
    start: Literal["uniform", "sensitivity"] = "uniform"
    form: Form = "merged"

    @model_validator(mode="after")
    def _whole_epochs(self) -> Self:
        if self.epochs > self.steps:
            invalid(
                "search",
                f"must be at most the number of steps, {self.steps} (got {self.epochs})",
                self.epochs,
                "epochs",
            )
        if self.warmup >= self.epochs:
            invalid(
                "search",
                f"must leave an epoch to search in, of {self.epochs} (got {self.warmup})",
                self.warmup,
                "warmup",
            )
        return self

    def planned_steps(self) -> int:
        """See :meth:`qnas.Searcher.planned_steps`."""
        return self.steps

    def unfit(self, space: Space, limits: Mapping[str, int]) -> str:
        """See :meth:`qnas.Searcher.unfit`."""
        del limits
        if self.start == "uniform" or space.has_weights:
            return ""
        return f"can't start by sensitivity: the space '{space.known_as}' states no weights"

    def search(self, task: SearchTask) -> SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        return self.begin(task).run()

    def begin(self, task: SearchTask) -> "GradientSearch":
        """The search, set up as at its beginning."""
        return JointSearch(self, task) if self.update == "joint" else AlternatingSearch(self, task)


@dataclass
class _Best:
    """The best so far: what was found when the objective was lowest."""

    objective: float
    epoch: int
    architecture: Architecture
    ties: list[Tie]
    supernet: dict[str, Tensor]
    supernet_psnr: float

    def state(self) -> State:
        """The form in which a checkpoint keeps it."""
        return {**vars(self), "architecture": self.architecture.to_json(), "ties": [list(tie) for tie in self.ties]}

    @classmethod
    def of(cls, state: State) -> Self:
        """The best so far from what a checkpoint kept."""
        architecture = Architecture.from_json(state["architecture"], "the best architecture so far")
        return cls(**{**state, "architecture": architecture, "ties": [Tie(*tie) for tie in state["ties"]]})


class GradientSearch(Loop):
    """One search under way; subclasses say what an iteration does.

    Args:
        settings: Of the search.
        task: What to search.
        samplers: Those that the iterations draw from.
    """

    def __init__(self, settings: DifferentiableSearch, task: SearchTask, samplers: Sequence[PatchSampler]) -> None:
        self.settings = settings
        self.task = task
        torch.manual_seed(task.seed)
        supernet = Supernet(task.space, task.scale, task.search_quantizer, settings.form)
        self.supernet = task.machine.place(supernet)
        self.start = self.supernet.probabilities().detach()
        if settings.start == "sensitivity" and not task.checkpoints.step:
            self._start_by_sensitivity()
        self.sample = task.sampler(task.images.weights, settings.batch, "search calibration").draw()
        # What a checkpoint has need not be fitted again.
        errors = {} if task.checkpoints.step else task.warm_start(self.supernet.network)
        calibrate_for_training(self.supernet, lambda: self.supernet(self.sample.lr, self.start))
        if errors:
            self._record_start(errors)
        optimizer = adam(
            self.supernet,
            settings.learning_rate,
            settings.weight_decay,
            but=self.supernet.alpha,
            own=OwnRates(settings.scalar_learning_rate, settings.step_learning_rate),
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
        criterion = task.criterion(self.supernet.network)
        self._alpha_criterion = task.criterion(self.supernet.network)  # of its own, as it counts the parts
        self._take_step = WeightStep(
            task.machine, optimizer, schedule, self.supernet.weights(), settings.clip, criterion
        )
        self.alpha_optimizer = torch.optim.Adam(
            [self.supernet.alpha], lr=settings.alpha_learning_rate, betas=(0.5, 0.999)
        )
        searched = settings.steps - settings.steps * settings.warmup // settings.epochs
        self.multipliers = task.multipliers(searched) if task.limits else None
        self.best: _Best | None = None
        self._is_saturated = False
        super().__init__(
            task.machine,
            self.supernet,
            [optimizer, self.alpha_optimizer],
            [schedule],
            samplers,
            settings.on_divergence,
            criterion,
        )

    @torch.no_grad()
    def _start_by_sensitivity(self) -> None:
        sensitivity = Sensitivity(self.task, self.settings.batch)
        total = 1 + len(sensitivity.cases)
        while not sensitivity.is_done:
            sensitivity.measure_next()
            self.task.journal.step(0, {"warm_start": f"{len(sensitivity.errors)} of {total}"})
        self.supernet.alpha.copy_(start_of_alpha(sensitivity.rises()))

    def run(self) -> SearchOutcome:
        """Search to the end."""
        self.task.checkpoints.restore(self)
        self.go_on(self.settings.steps, lambda step: self.task.checkpoints.keep(step, self))
        if self.best is None:
            raise RuntimeError("an epoch is always left to search in")
        for warning in warnings_of(self.best.architecture, self.task):
            warnings.warn(warning, QnasWarning, stacklevel=2)
        return self._outcome(self.best)

    @torch.no_grad()
    def _record_start(self, errors: Mapping[str, Mapping[str, float]]) -> None:
        """Record, at step 0, how good the supernet and its operations are after a warm start."""
        self.supernet.eval()
        labels = dict.fromkeys(label for of_slot in errors.values() for label in of_slot)
        rows = {label: self._everywhere(label) for label in labels}
        psnr = {label: self.task.validate(_Mixture(self.supernet, row))[0] for label, row in rows.items()}
        supernet_psnr, _ = self.task.validate(_Mixture(self.supernet, self.start))
        record = {"supernet_psnr": supernet_psnr, "warm_start_psnr": psnr, "warm_start_errors": errors}
        self.task.journal.record(0, record)
        for label, value in psnr.items():
            _LOGGER.info("with %s wherever it is a candidate, PSNR is %.2f dB at the start", label, value)
        _LOGGER.info("with all candidates alike, PSNR is %.2f dB at the start", supernet_psnr)

    def _everywhere(self, label: str) -> Tensor:
        """The probabilities of an operation, at all widths, where it is a candidate; elsewhere of the native one."""
        rows = torch.zeros_like(self.start)
        for row, candidates in zip(rows, self.supernet.candidates.values(), strict=True):
            is_it = [c.operation.label == label for c in candidates]
            is_native = [c.operation.is_native for c in candidates]
            held = torch.tensor(is_it if any(is_it) else is_native if any(is_native) else [True] * len(candidates))
            row[: len(candidates)] = held.to(row) / held.sum()
        return rows

    def advance(self) -> None:
        """See :meth:`Loop.advance`."""
        step = self.step + 1
        epoch, is_last = self._epoch(step)
        self.count(self.iterate(step, epoch))
        if is_last:
            self._judge(step, epoch, self.mean_loss())
            self.mark_judged()
        else:  # the last is reported with its validation
            self.task.journal.step(step, {"loss": self.losses[-1], **self.criterion.last})

    def get_extra_state(self) -> State:
        """See :meth:`Loop.get_extra_state`."""
        state = {"best": self.best and self.best.state(), "is_saturated": self._is_saturated}
        return {**state, "multipliers": self.multipliers.values} if self.multipliers else state

    def set_extra_state(self, state: State) -> None:
        """See :meth:`Loop.set_extra_state`."""
        self.best = state["best"] and _Best.of(state["best"])
        self._is_saturated = state["is_saturated"]
        if self.multipliers:
            self.multipliers.values = state["multipliers"].to(self.multipliers.values)

    def _epoch(self, step: int) -> tuple[int, bool]:
        """The epoch that a step is in, from 0, and whether it is the last of it."""
        steps, epochs = self.settings.steps, self.settings.epochs
        epoch = -(-step * epochs // steps) - 1
        return epoch, step == steps * (epoch + 1) // epochs

    def _outcome(self, best: _Best) -> SearchOutcome:
        end = self.settings.final_temperature
        ties_at_end = self.supernet.ties(self.settings.tie, end)
        return SearchOutcome(
            best=best.architecture,
            last=self.task.architecture(self.task.allowed.best(self.supernet.logits())),
            ties=best.ties,
            supernet=best.supernet,
            supernet_psnr=best.supernet_psnr,
            details={
                "best_epoch": best.epoch,
                "entropy_at_start": float(entropy(self.start).mean()),
                "entropy_at_end": self._entropy(end),
                "ties_at_end": [tie._asdict() for tie in ties_at_end],
                "halvings": self.halvings,
            },
        )

    def iterate(self, step: int, epoch: int) -> Tensor:
        """One step on alpha, once the warm-up is over, and one on the weights; the loss of the weights."""
        if not self.supernet.training:  # train() visits all modules
            self.supernet.train()
        return self._update(epoch, self._temperature(step))

    @abstractmethod
    def _update(self, epoch: int, temperature: float) -> Tensor:
        """Take the steps of an iteration; the loss of the weights, detached."""

    def _sample(self, temperature: float) -> Tensor:
        """The probabilities that the supernet runs with: random, except with ``softmax``."""
        return self.supernet.shared(relax(self.supernet.logits(), self.settings.relaxation, temperature))

    def _penalties(self, loss: Tensor, epoch: int, temperature: float) -> Tensor:
        """The penalties on alpha beside the loss, differentiable."""
        # Penalties are on the distribution: on a random draw, they would only push down what happened to be drawn.
        probabilities = self.supernet.probabilities(temperature)
        since, epochs = max(epoch - self.settings.warmup, 0), self.settings.epochs - self.settings.warmup
        penalties = self.task.penalty(self.supernet.alpha, probabilities, start=self.start, epoch=since, epochs=epochs)
        if self.multipliers:
            penalties = penalties + self.multipliers.penalty(loss, probabilities)
        self.penalties.append(penalties.detach())
        return penalties

    def _weight_step(self, batch: Batch, temperature: float) -> Tensor:
        """A step on the weights alone; the loss before it, detached."""
        with torch.no_grad():
            probabilities = self._sample(temperature)
        return self._take_step(lambda lr_image: self.supernet(lr_image, probabilities), batch)

    def _temperature(self, step: int) -> float:
        start, end = self.settings.temperature, self.settings.final_temperature
        return float(start * (end / start) ** (step / self.settings.steps))

    @torch.no_grad()
    def _entropy(self, temperature: float) -> float:
        return float(entropy(self.supernet.probabilities(temperature)).mean())

    @torch.no_grad()
    def _judge(self, step: int, epoch: int, loss: float) -> None:
        """Judge the current architecture, and keep it if its objective is the lowest so far."""
        self.supernet.eval()
        temperature = self._temperature(step)
        probabilities = self.supernet.probabilities(temperature)
        supernet_psnr, _ = self.task.validate(_Mixture(self.supernet, probabilities))
        chosen = self.task.allowed.best(self.supernet.logits())
        psnr, error = self.task.validate(self.task.derive(self.supernet, chosen, self.sample))
        objective = self._objective(error, chosen)
        # While alpha is frozen, every slot is a tie: nothing has chosen its first candidate.
        was_searched = epoch >= self.settings.warmup
        if was_searched and (self.best is None or objective < self.best.objective):
            state = {name: value.clone() for name, value in self.supernet.state_dict().items()}
            ties = self.supernet.ties(self.settings.tie, temperature)
            self.best = _Best(objective, epoch, self.task.architecture(chosen), ties, state, supernet_psnr)
        losses = {"loss": loss, **self.criterion.means}
        scores = {"psnr": psnr, "supernet_psnr": supernet_psnr, "objective": objective}
        measured = {**losses, **scores, **self._under_limits(chosen)}
        self.task.journal.record(
            step,
            {"epoch": epoch, **measured, **self._choices(probabilities), "alpha": self._by_slot(self.supernet.alpha)},
        )
        self._warn_of_saturation(epoch, probabilities)

    def _warn_of_saturation(self, epoch: int, probabilities: Tensor) -> None:
        """Warn, once, if alpha has decided before the weights have learned much."""
        searched, of = epoch + 1 - self.settings.warmup, self.settings.epochs - self.settings.warmup
        if not self._is_saturated and 0 < searched <= EARLY * of and is_saturated(probabilities, self.start):
            self._is_saturated = True
            what = (
                f"the search has all but decided after {searched} of {of} epochs, before its weights have learned much"
            )
            warnings.warn(f"{what}: lower search.alpha_learning_rate, or set search.warmup", QnasWarning, stacklevel=2)

    def _objective(self, error: float, chosen: dict[str, Candidate]) -> float:
        """The objective of a network, always with the penalties of the last epoch so that epochs can be compared."""
        epochs = self.settings.epochs - self.settings.warmup
        return self.task.objective(error, chosen, start=self.start, epoch=epochs - 1, epochs=epochs)

    def _under_limits(self, chosen: dict[str, Candidate]) -> dict[str, object]:
        """For the history: what the network that would be taken costs, and the multipliers."""
        if self.multipliers is None:
            return {}
        rows = self.task.rows(chosen)
        used = {name: float(self.task.expected(name, rows)) for name in self.task.limits}
        return {"chosen": used, "multipliers": self.multipliers.by_name()}

    def _choices(self, probabilities: Tensor) -> dict[str, object]:
        """For the history: expected costs, entropy and the probabilities themselves."""
        labels = {path: [c.label for c in candidates] for path, candidates in self.supernet.candidates.items()}
        return {
            **self.task.expected_costs(probabilities),
            "entropy": float(entropy(probabilities).mean()),
            "probabilities": {
                path: dict(zip(labels[path], row, strict=True)) for path, row in self._by_slot(probabilities).items()
            },
        }

    def _by_slot(self, rows: Tensor) -> dict[str, list[float]]:
        """Each slot's path to its row of (slots, candidates), without the places of candidates that it lacks."""
        candidates = self.supernet.candidates.items()
        return {path: row[: len(own)] for (path, own), row in zip(candidates, rows.tolist(), strict=True)}


class AlternatingSearch(GradientSearch):
    """Takes the step on alpha and the step on the weights one after the other, on different images, as published."""

    def __init__(self, settings: DifferentiableSearch, task: SearchTask) -> None:
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
        self.alpha_optimizer.step()


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

    def __init__(self, settings: DifferentiableSearch, task: SearchTask) -> None:
        self.batches = task.sampler(task.images.training, settings.batch, "search")
        super().__init__(settings, task, [self.batches])

    def _update(self, epoch: int, temperature: float) -> Tensor:
        batch = self.batches.draw()
        if epoch < self.settings.warmup:
            return self._weight_step(batch, temperature)
        sample = self._sample(temperature)
        loss = batch_loss(self.machine, lambda lr_image: self.supernet(lr_image, sample), batch, self.criterion)
        self.alpha_optimizer.zero_grad()
        self._take_step.lower(loss + self._penalties(loss, epoch, temperature))
        self.alpha_optimizer.step()
        return loss.detach()


class _Mixture(nn.Module):
    """The supernet at fixed probabilities, so that it can be judged like any network."""

    def __init__(self, supernet: Supernet, probabilities: Tensor) -> None:
        super().__init__()
        self.supernet = supernet
        self.probabilities = probabilities

    def forward(self, lr_image: Tensor) -> Tensor:
        """See :class:`qnas.core.network.Supernet`."""
        result: Tensor = self.supernet(lr_image, self.probabilities)
        return result
