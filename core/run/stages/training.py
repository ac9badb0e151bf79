"""The stages ``float`` and ``train``: the found network is trained, with nothing quantized and as it will be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer
from qnas.core.network import Architecture, take_weights
from qnas.core.run.names import FLOAT_WEIGHTS, LAST_WEIGHTS, PARENT_WEIGHTS
from qnas.core.run.parent import Child, taken_over
from qnas.core.run.resuming.checkpoint import StageCheckpoints
from qnas.core.run.stages.searching import inherited
from qnas.core.run.stages.under_way import Run
from qnas.core.run.teachers import find_teachers
from qnas.core.run.weights import write_weights
from qnas.core.search.warm_start import start_warm
from qnas.core.training.chain import Chain
from qnas.core.training.criterion import Criterion
from qnas.core.training.journal import Journal
from qnas.core.training.optimizer import OwnRates
from qnas.core.training.schedule import Schedule
from qnas.core.training.streams import FLOAT, TRAIN
from qnas.core.training.trainer import OnStep, Trained, Trainer


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
        return inherited(run)
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
        min(settings.learning_rate_warmup, max(steps - 1, 0)),
        settings.weight_decay,
        settings.accumulate,
        settings.ema,
        settings.patch_after(steps),
        settings.calibrated_by,
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
