"""The stages ``search`` and ``derive``: a network is found, and taken out of the supernet."""

from dataclasses import replace
from typing import Any

from torch import nn

from qnas.core.errors import QnasError
from qnas.core.network import Architecture, Supernet, count_choices, slot_candidates
from qnas.core.run.chosen import write_chosen
from qnas.core.run.names import ARCHITECTURE, BEST_BEFORE, SUPERNET
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import StageCheckpoints
from qnas.core.run.stages.under_way import Run
from qnas.core.run.teachers import find_teachers
from qnas.core.search.derive import derive
from qnas.core.search.front import best_front
from qnas.core.search.images import SearchImages
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform import best_of
from qnas.core.spec import Spec
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine
from qnas.core.training.streams import DERIVE
from qnas.core.upscale.scoring import validate


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
    steps = searcher.tuning_steps()
    if steps:
        checkpoints.always_after = searcher.planned_steps()  # what is judged then may take minutes
    outcome = searcher.search(task)
    _refuse_over_limits(run.spec, outcome.best)
    if not steps and not outcome.front:
        return outcome
    # A training from the space's weights has no use for those of the supernet.
    given = replace(outcome, supernet=None) if run.spec.start == "weights" else outcome
    judge = best_front if outcome.front else best_of
    return replace(judge(task, given, steps, searcher.batch), supernet=outcome.supernet)


def _task(run: Run, journal: Journal, checkpoints: Checkpoints) -> SearchTask:
    teachers = find_teachers(run.spec, "search", run.folder, run.machine)
    task = search_task(run.spec, run.images.learn, run.machine, journal)
    return replace(task, checkpoints=checkpoints, teachers=teachers)


def search_task(spec: Spec, images: SearchImages, machine: Machine, journal: Journal) -> SearchTask:
    """What a spec gives its searcher, but for checkpoints and teachers."""
    return SearchTask(
        space=spec.space,
        scale=spec.scale,
        search_quantizer=spec.quantizer.search,
        train_quantizer=spec.quantizer.train,
        regularizers=spec.regularizers,
        images=images,
        patch=spec.data.patch,
        augment=spec.data.augment,
        machine=machine,
        seed=spec.seed,
        journal=journal,
        costs=spec.counted_costs,
        losses=spec.losses_of["search"],
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
    network = inherited(run)
    found_psnr, _ = validate(network, run.images.learn.validation, run.spec.scale, run.machine.device)
    return {
        "supernet_psnr_y": supernet_psnr,
        "found_psnr_y": found_psnr,
        "discretization_gap_db": supernet_psnr - found_psnr,
    }


def inherited(run: Run) -> nn.Module:
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
