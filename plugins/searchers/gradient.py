"""A search by gradient under way."""

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from qnas.core.errors import QnasWarning
from qnas.core.files.state import State
from qnas.core.images.patches import Batch, PatchSampler
from qnas.core.network import Architecture, Candidate, Supernet
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.sensitivity import Sensitivity, start_of_alpha
from qnas.core.search.task import SearchTask
from qnas.core.training.loop import Loop
from qnas.core.training.optimizer import OwnRates, adam
from qnas.core.training.step import WeightStep
from qnas.plugins.regularizers.penalties import entropy
from qnas.plugins.searchers.alpha import Alpha
from qnas.plugins.searchers.best import Best
from qnas.plugins.searchers.collapse import EARLY, is_saturated, warnings_of
from qnas.plugins.searchers.front_alpha import FrontAlpha
from qnas.plugins.searchers.gradient_settings import GradientSettings
from qnas.plugins.searchers.indecision import far_under, undecided
from qnas.plugins.searchers.mixture import Mixture
from qnas.plugins.searchers.relaxation import relax
from qnas.plugins.searchers.warm_record import record_warm_start


class GradientSearch(Loop):
    """One search under way; subclasses say what an iteration does.

    Args:
        settings: Of the search.
        task: What to search.
        samplers: Those that the iterations draw from.
    """

    def __init__(self, settings: GradientSettings, task: SearchTask, samplers: Sequence[PatchSampler]) -> None:
        self.settings = settings
        self.task = task
        torch.manual_seed(task.seed)
        supernet = Supernet(task.space, task.scale, task.search_quantizer, settings.form)
        self.supernet = task.machine.place(supernet)
        self.start = self.supernet.probabilities().detach()
        self.rivals: dict[str, Architecture] = {}
        if settings.start == "sensitivity" and not task.checkpoints.step:
            self._start_by_sensitivity()
        self.sample = task.sampler(task.images.weights, settings.batch, "search calibration").draw()
        # What a checkpoint has need not be fitted again.
        errors = {} if task.checkpoints.step else task.warm_start(self.supernet.network)
        calibrate_for_training(self.supernet, lambda: self.supernet(self.sample.lr, self.start))
        if errors:
            record_warm_start(task, self.supernet, self.start, errors)
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
        self.alpha = self._alpha()
        self.best: Best | None = None
        self.notices: list[str] = []
        super().__init__(
            task.machine,
            self.supernet,
            [optimizer, self.alpha.optimizer],
            [schedule],
            samplers,
            settings.on_divergence,
            criterion,
        )

    def _alpha(self) -> Alpha:
        settings = self.settings
        steps = settings.steps - settings.steps * settings.warmup // settings.epochs
        levels = settings.levels(self.task)
        if levels:
            return FrontAlpha(self.supernet, levels, steps, settings.alpha_learning_rate)
        return Alpha(self.supernet, self.task, steps, settings.alpha_learning_rate)

    @torch.no_grad()
    def _start_by_sensitivity(self) -> None:
        def report(done: int, of: int) -> None:
            self.task.journal.step(0, {"warm_start": f"{done} of {of}"})

        sensitivity = Sensitivity(self.task, self.settings.batch)
        sensitivity.measure(report, are_steps=False)
        rises = sensitivity.rises()
        self.supernet.alpha.copy_(start_of_alpha(rises))
        if self.task.limits:  # without them, the widest bits are the best
            self.rivals["sensitivity"] = self.task.architecture(self.task.allowed.best(-rises))

    def run(self) -> SearchOutcome:
        """Search to the end."""
        self.task.checkpoints.restore(self)
        self.go_on(self.settings.steps, lambda step: self.task.checkpoints.keep(step, self))
        if self.best is None:
            raise RuntimeError("an epoch is always left to search in")
        for notice in self._notices(self.best):
            self._tell(notice)
        return self._outcome(self.best)

    def _notices(self, best: Best) -> Iterator[str]:
        """What the end of the search shows, with what to change."""
        if not self.settings.front:
            yield from warnings_of(best.architecture, self.task)
        at_end = self.supernet.probabilities(self.settings.final_temperature).detach()
        yield from undecided(at_end, self.start, self.task)
        if best.psnr is not None:
            yield from far_under(best.supernet_psnr, best.psnr, self.task)

    def _tell(self, notice: str) -> None:
        """Warn, and keep it for the result."""
        self.notices.append(notice)
        warnings.warn(notice, QnasWarning, stacklevel=3)

    def advance(self) -> None:
        """See :meth:`Loop.advance`."""
        step = self.step + 1
        epoch, is_last = self._epoch(step)
        self.alpha.begin(step)
        self.count(self.iterate(step, epoch))
        if is_last:
            self._judge(step, epoch, self.mean_loss())
            self.mark_judged()
        else:  # the last is reported with its validation
            self.task.journal.step(step, {"loss": self.losses[-1], **self.criterion.last})

    def get_extra_state(self) -> State:
        """See :meth:`Loop.get_extra_state`."""
        state = {"best": self.best and self.best.state(), "notices": [*self.notices]}
        if self.rivals:
            state["rivals"] = {name: rival.to_json() for name, rival in self.rivals.items()}
        return {**state, **self.alpha.state()}

    def set_extra_state(self, state: State) -> None:
        """See :meth:`Loop.set_extra_state`."""
        self.best = state["best"] and Best.of(state["best"])
        self.notices = list(state.get("notices", []))  # those of before have none
        rivals = state.get("rivals", {})
        self.rivals = {name: Architecture.from_json(rival, f"the rival {name}") for name, rival in rivals.items()}
        self.alpha.load(state)

    def _epoch(self, step: int) -> tuple[int, bool]:
        """The epoch that a step is in, from 0, and whether it is the last of it."""
        steps, epochs = self.settings.steps, self.settings.epochs
        epoch = -(-step * epochs // steps) - 1
        return epoch, step == steps * (epoch + 1) // epochs

    def _outcome(self, best: Best) -> SearchOutcome:
        end = self.settings.final_temperature
        front = self.alpha.points()
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
                "notices": self.notices,
            },
            rivals=self.rivals,
            front=front,
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
        if self.alpha.multipliers:
            penalties = penalties + self.alpha.multipliers.penalty(loss, probabilities)
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
        self.alpha.end()
        self.supernet.eval()
        temperature = self._temperature(step)
        probabilities = self.supernet.probabilities(temperature)
        supernet_psnr, _ = self.task.validate(Mixture(self.supernet, probabilities))
        chosen = self.task.allowed.best(self.supernet.logits())
        psnr, error = self.task.validate(self.task.derive(self.supernet, chosen, self.sample))
        objective = self._objective(error, chosen)
        # While alpha is frozen, every slot is a tie: nothing has chosen its first candidate.
        was_searched = epoch >= self.settings.warmup
        # The networks of a front are taken at the end, where the weights that they share serve them best.
        is_best = self.best is None or objective < self.best.objective or self.settings.front is not None
        if was_searched and is_best:
            state = {name: value.clone() for name, value in self.supernet.state_dict().items()}
            ties = self.supernet.ties(self.settings.tie, temperature)
            self.best = Best(objective, epoch, self.task.architecture(chosen), ties, state, supernet_psnr, psnr)
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
        if not self.notices and 0 < searched <= EARLY * of and is_saturated(probabilities, self.start):
            when = f"after {searched} of {of} epochs, before its weights have learned much"
            change = "lower search.alpha_learning_rate, or set search.warmup"
            self._tell(f"the search has all but decided {when}: {change}")

    def _objective(self, error: float, chosen: dict[str, Candidate]) -> float:
        """The objective of a network, always with the penalties of the last epoch so that epochs can be compared."""
        epochs = self.settings.epochs - self.settings.warmup
        return self.task.objective(error, chosen, start=self.start, epoch=epochs - 1, epochs=epochs)

    def _under_limits(self, chosen: dict[str, Candidate]) -> dict[str, object]:
        """For the history: what the network that would be taken costs, and the multipliers."""
        if self.alpha.multipliers is None:
            return {}
        rows = self.task.rows(chosen)
        used = {name: float(self.task.expected(name, rows)) for name in self.task.limits}
        return {"chosen": used, "multipliers": self.alpha.multipliers.by_name()}

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
