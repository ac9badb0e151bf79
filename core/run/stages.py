"""The stages of a run, each a function from the run to the result that it leaves in the folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer
from qnas.core.errors import InputError, QnasError
from qnas.core.files.folder import RunFolder
from qnas.core.images.patches import PatchSampler
from qnas.core.network import Architecture, Supernet, count_choices, slot_candidates, take_weights
from qnas.core.run.chosen import DIGEST, digest, write_chosen
from qnas.core.run.deployment.export import export_found, planned
from qnas.core.run.examples import write_examples
from qnas.core.run.images import RunImages
from qnas.core.run.names import (
    ARCHITECTURE,
    BEST_BEFORE,
    FLOAT_WEIGHTS,
    LAST_WEIGHTS,
    PARENT_WEIGHTS,
    STAGES,
    SUPERNET,
)
from qnas.core.run.parent import Child, taken_over
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import CheckpointPolicy, StageCheckpoints
from qnas.core.run.sizes import found_sizes, limits_used
from qnas.core.run.teachers import find_teachers
from qnas.core.run.weights import load_weights, write_weights
from qnas.core.search.derive import derive
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform import best_of
from qnas.core.search.warm_start import start_warm
from qnas.core.spec import Spec
from qnas.core.training.chain import Chain
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.criterion import Criterion
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine
from qnas.core.training.optimizer import OwnRates
from qnas.core.training.schedule import Schedule
from qnas.core.training.streams import DERIVE, FLOAT, TRAIN, stream_number
from qnas.core.training.trainer import OnStep, Trained, Trainer
from qnas.core.upscale.scoring import judge_sets, validate
from qnas.core.upscale.tiles import Upscaler


@dataclass(frozen=True)
class Run:
    """A run under way.

    Attributes:
        spec: What is to be done.
        folder: Where it is kept.
        machine: Where to compute.
        images: What to learn from and to be judged on.
        keeping: When checkpoints are written.
    """

    spec: Spec
    folder: RunFolder
    machine: Machine
    images: RunImages
    keeping: CheckpointPolicy

    @cached_property
    def architecture(self) -> Architecture:
        """The found architecture.

        Raises:
            InputError: It is not as the search wrote it.
        """
        text, where = self.folder.read_text(ARCHITECTURE), str(self.folder.path / ARCHITECTURE)
        kept = RunRecord(self.folder).stages["search"].get(DIGEST)
        if kept is not None and kept != digest(text):
            raise InputError("is not what the search found: it is damaged", where)
        if kept is None and text != self.folder.read_text(BEST_BEFORE):
            raise InputError(f"is not what the search found ({BEST_BEFORE}): one of the two is damaged", where)
        return Architecture.from_json(text, where)

    @property
    def train_quantizer(self) -> dict[str, Any]:
        """The quantizer of the found network, as the run's spec.yaml has it."""
        return RunRecord(self.folder).quantizer_data  # type: ignore[no-any-return]

    def network_of(self, architecture: Architecture) -> nn.Module:
        """The network of an architecture, quantized as the found one, as its space starts it."""
        return architecture.build(self.spec.quantizer.train, self.spec.quantizer.between)

    def trained_network(self) -> nn.Module:
        """The found network as it was trained, on the CPU, in evaluation mode."""
        network = self.architecture.rebuild(self.spec.quantizer.train, self.spec.quantizer.between)
        load_weights(network, self.folder, self.train_quantizer)
        return network.eval()

    def sampler(self, stream: str) -> PatchSampler:
        """Batches for the training of the found network, drawn by the random stream of that name."""
        data, spec = self.spec.data, self.spec
        return PatchSampler(
            self.images.train,
            spec.scale,
            spec.train.patch_after(spec.train.steps).get(0, data.patch),
            spec.train.batch * spec.train.accumulate,
            augment=data.augment,
            seed=(spec.seed, stream_number(stream)),
            device=self.machine.device,
        )


def search(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Search, and keep the best architecture, the last one and the supernet."""
    spec = run.spec
    checkpoints.begin()
    outcome = only_architecture(spec)
    if outcome is None:
        outcome = _searched(run, journal, checkpoints)
    else:
        _refuse_over_limits(spec, outcome.best)
    chosen = write_chosen(run.folder, outcome.best, outcome.last)
    if outcome.supernet is not None:
        run.folder.write_tensors(SUPERNET, outcome.supernet)
    return {
        "supernet_psnr_y": outcome.supernet_psnr,
        "ties": [tie._asdict() for tie in outcome.ties],
        **chosen,
        **outcome.details,
    }


def _refuse_over_limits(spec: Spec, found: Architecture) -> None:
    """Refuse what a searcher found that does not hold limits.

    Raises:
        QnasError: It names the limits that are exceeded.
    """
    if spec.limits:
        count = count_choices(spec.space, spec.scale, found.candidates(), spec.quantizer.train)
        costs = {name: count.total(spec.counted_costs[name]) for name in spec.limits}
        over = [f"{name} {cost:,} of {spec.limits[name]:,}" for name, cost in costs.items() if cost > spec.limits[name]]
        if over:
            raise QnasError(f"the search '{spec.search.label}' does not hold limits: it found {', '.join(over)}")


def _searched(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> SearchOutcome:
    task, searcher = _task(run, journal, checkpoints), run.spec.search
    outcome = searcher.search(task)
    _refuse_over_limits(run.spec, outcome.best)
    steps = searcher.tuning_steps()
    return best_of(task, outcome, steps, searcher.batch) if steps else outcome


def _task(run: Run, journal: Journal, checkpoints: Checkpoints) -> SearchTask:
    spec = run.spec
    return SearchTask(
        space=spec.space,
        scale=spec.scale,
        search_quantizer=spec.quantizer.search,
        train_quantizer=spec.quantizer.train,
        regularizers=spec.regularizers,
        images=run.images.learn,
        patch=spec.data.patch,
        augment=spec.data.augment,
        machine=run.machine,
        seed=spec.seed,
        journal=journal,
        checkpoints=checkpoints,
        costs=spec.counted_costs,
        losses=spec.losses_of["search"],
        teachers=find_teachers(spec, "search", run.folder, run.machine),
        limits=spec.limits,
    )


def only_architecture(spec: Spec) -> SearchOutcome | None:
    """The outcome of a search that has nothing to choose, as of a fixed network at uniform bits; else None."""
    options = slot_candidates(spec.space, spec.scale)
    is_wanted = bool(options) and spec.start == "supernet"  # for its weights
    if is_wanted or any(len(candidates) > 1 for candidates in options.values()):
        return None
    chosen = {path: candidates[0] for path, candidates in options.items()}
    only = Architecture.from_candidates(spec.space, spec.scale, chosen)
    return SearchOutcome(best=only, last=only)


def derive_found(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Measure what is lost by taking one network out of the supernet."""
    del journal, checkpoints
    if run.folder.has(BEST_BEFORE):  # the search was one of qnas 0.1, which left the rest to this stage
        run.folder.write_text(ARCHITECTURE, run.folder.read_text(BEST_BEFORE))
    supernet_psnr = RunRecord(run.folder).stages["search"]["supernet_psnr_y"]
    if supernet_psnr is None:
        return {"discretization_gap_db": None}
    network = _inherited(run)
    found_psnr, _ = validate(network, run.images.learn.validation, run.spec.scale, run.machine.device)
    return {
        "supernet_psnr_y": supernet_psnr,
        "found_psnr_y": found_psnr,
        "discretization_gap_db": supernet_psnr - found_psnr,
    }


def _inherited(run: Run) -> nn.Module:
    """The found network with the weights of the supernet, calibrated."""
    spec = run.spec
    space = spec.space.restored()
    supernet = Supernet(space, spec.scale, spec.quantizer.search)
    supernet.load_state_dict(run.folder.read_tensors(SUPERNET))
    supernet.to(run.machine.device)
    chosen, batches = run.architecture.candidates(), run.sampler(DERIVE)
    first = batches.draw()
    quantizer = spec.quantizer
    return derive(space, spec.scale, chosen, supernet, quantizer.train, first, batches.draw, quantizer.between)


def _taken_over(run: Run) -> Child | None:
    """The network of the run's parent, with what the run changes in it; None for a run that takes over no network."""
    quantizer = run.spec.quantizer
    if not run.folder.has(PARENT_WEIGHTS) or quantizer.between is None:
        return None
    return taken_over(run.folder, run.architecture, quantizer.train, quantizer.between)


def train_float(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Train the found network with nothing quantized, for the training of the quantized one to start from."""
    settings = run.spec.train
    checkpoints.begin()
    torch.manual_seed(run.spec.seed)
    network = run.machine.place(run.architecture.build(Quantizer.of("none")))
    _warm(run, network, journal, checkpoints)
    trainer = _trainer(run, network, journal, settings.float_steps or settings.steps, stream=FLOAT)
    checkpoints.restore(trainer)
    trained = trainer.run(lambda step: checkpoints.keep(step, trainer))
    run.folder.write_tensors(FLOAT_WEIGHTS, trained.best)
    return _result_of(trained)


def train_found(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Train the found network with real fake quantization."""
    checkpoints.begin()
    torch.manual_seed(run.spec.seed)
    train = _train_narrowing if run.spec.train.narrowing else _train_at_once
    trained = train(run, journal, checkpoints)
    write_weights(run.folder, trained.best, run.train_quantizer)
    run.folder.write_tensors(LAST_WEIGHTS, trained.last)
    return _result_of(trained)


def _train_at_once(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> Trained:
    child = _taken_over(run)
    network = run.machine.place(_started(run, journal, checkpoints) if child is None else child.network)
    trainer = _trainer(run, network, journal, run.spec.train.steps)
    if child is not None:
        child.calibrate(run.sampler(TRAIN).draw().lr)
    elif run.spec.start != "supernet":
        trainer.calibrate()
    checkpoints.restore(trainer)
    return trainer.run(lambda step: checkpoints.keep(step, trainer))


def _train_narrowing(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> Trained:
    """Train at wide widths first: a training for each, of its share of the steps, on the weights of the one before."""
    widths = run.spec.train.narrowing
    share = run.spec.train.steps // (len(widths) + 1)
    wider = [_Part(run, journal, run.architecture.at_least(width), share) for width in widths]
    last = _Part(run, journal, run.architecture, run.spec.train.steps - share * len(widths))
    return Chain([*wider, last], _started(run, journal, checkpoints).state_dict(), checkpoints).run()


@dataclass(frozen=True)
class _Part:
    """A part of the training, on a network whose layers are those of the found one."""

    run: Run
    journal: Journal
    architecture: Architecture
    steps: int

    def __call__(self, weights: Mapping[str, Tensor], steps_before: int) -> Trainer:
        network = self.run.network_of(self.architecture)
        take_weights(network, weights)
        trainer = _trainer(self.run, self.run.machine.place(network), self.journal, self.steps, steps_before)
        trainer.calibrate()
        return trainer


def _started(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> nn.Module:
    """The found network with what its training starts from."""
    if run.spec.start == "supernet":
        return _inherited(run)
    if run.spec.start == "scratch":
        return run.network_of(run.architecture.fresh())
    network = run.network_of(run.architecture)
    if run.spec.start == "float":
        take_weights(network, run.folder.read_tensors(FLOAT_WEIGHTS))
    else:
        _warm(run, run.machine.place(network), journal, checkpoints)
    return network


def _warm(run: Run, network: nn.Module, journal: Journal, checkpoints: StageCheckpoints) -> None:
    """Start what is no native operation from the weights that stood there; a checkpoint has that already."""
    if not checkpoints.step:
        start_warm(network, run.sampler, lambda done, of: journal.step(0, {"warm_start": f"{done} of {of}"}))


def _trainer(
    run: Run, network: nn.Module, journal: Journal, steps: int, steps_before: int = 0, stream: str = TRAIN
) -> Trainer:
    settings = run.spec.train
    schedule = Schedule(
        steps,
        settings.learning_rate,
        settings.validations,
        settings.clip,
        settings.on_divergence,
        OwnRates(settings.scalar_learning_rate, settings.step_learning_rate),
        min(settings.learning_rate_warmup, steps - 1),
        settings.weight_decay,
        settings.accumulate,
        settings.ema,
        settings.patch_after(steps),
    )

    def counted(report: OnStep) -> OnStep:
        return lambda step, metrics: report(steps_before + step, metrics)

    on_step, on_validation = map(counted, (journal.step, journal.record))
    stage, validation = journal.stage, run.images.learn.validation
    criterion = Criterion(run.spec.losses_of[stage], find_teachers(run.spec, stage, run.folder, run.machine), network)
    return Trainer(run.machine, network, run.sampler(stream), validation, schedule, on_step, on_validation, criterion)


def _result_of(trained: Trained) -> dict[str, Any]:
    return {
        "best_step": trained.best_step,
        "best_psnr_y": trained.best_psnr,
        "last_psnr_y": trained.last_psnr,
        "halvings": trained.halvings,
    }


def evaluate(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Judge the trained network on the test sets beside bicubic, and keep example crops."""
    del checkpoints
    network = run.trained_network().to(run.machine.device)
    scale = run.spec.scale
    upscaler = Upscaler(network, scale, run.machine.device)
    judged = judge_sets(
        upscaler, run.images.test, scale, lambda done, scores: journal.step(done, {"psnr": scores["psnr_y"]})
    )
    write_examples(run.folder, judged.examples)
    sizes = found_sizes(run.architecture, run.spec.quantizer.train, run.spec.counted_costs)
    limits = {"limits": limits_used(run.spec.limits, sizes)} if run.spec.limits else {}
    return {"test": judged.means, "images": judged.images, **sizes, **limits}


def export(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Write files for the targets of the spec, each proven to give the images that were judged."""
    del checkpoints
    targets = run.spec.exported_to
    files = planned(run.folder.path, targets, run.spec.scale, run.spec.quantizer.between, force=True)
    exported = export_found(
        run.trained_network(),
        run.spec.scale,
        files,
        run.images.test,
        report=lambda name, done, total: journal.step(done, {"set": name, "of": total}),
    )
    return {"targets": {target.registered_name(): known for target, known in exported}}


def report(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Write the page that explains the run."""
    del journal, checkpoints
    return {"file": run.spec.report.write(run.folder)}


Stage = Callable[[Run, Journal, StageCheckpoints], dict[str, Any]]
WORK: Mapping[str, Stage] = dict(
    zip(STAGES, (search, derive_found, train_float, train_found, evaluate, export, report), strict=True)
)
"""Stage to what it does."""


def stages_of(spec: Spec) -> list[str]:
    """The stages that a run of a spec has."""
    is_left_out = {"float": not spec.needs_float, "export": not spec.exported_to}
    return [stage for stage in STAGES if not is_left_out.get(stage)]


def planned_steps(spec: Spec, stage: str) -> int:
    """How many steps a stage will report, 0 for those that report none."""
    if stage == "search" and only_architecture(spec) is None:
        return spec.search.planned_steps()
    if stage == "float" and spec.needs_float:
        return spec.train.float_steps or spec.train.steps
    return spec.train.steps if stage == "train" else 0
