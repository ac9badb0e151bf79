"""The engine: takes a spec through its stages, into a run folder."""

import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qnas.core.errors import InputError, QnasWarning, as_input_error
from qnas.core.files.atomic import sync_folder
from qnas.core.files.exclusive import exclusive
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.network import guard
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.run.failure import explain_failures
from qnas.core.run.images import load_run_images
from qnas.core.run.log import RunLog, logged, tell_environment
from qnas.core.run.names import ENVIRONMENT, IMAGE_NAMES, IMAGES, RESULT, SPEC, STAGES, result_of
from qnas.core.run.parent import begin_child
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import EVERY_SECONDS, CheckpointPolicy, StageCheckpoints
from qnas.core.run.resuming.environment import environment, image_digests, image_names, refuse_gone, warn_of_changes
from qnas.core.run.resuming.kept_spec import keep_spec, note_changes, refuse_other_spec
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.stages import WORK, Run, planned_steps, stages_of
from qnas.core.run.teachers import refuse_unfit_teachers
from qnas.core.settings import as_of
from qnas.core.spec import Spec
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine


def run_spec(
    spec: Spec,
    folder: RunFolder,
    *,
    resume: bool = False,
    until: str = "report",
    command: Sequence[str] = (),
    checkpoint_every: float = EVERY_SECONDS,
    stop: Stop | None = None,
    parent: RunRecord | None = None,
) -> dict[str, Any]:
    """Run the stages of a spec and return what is in result.json.

    The spec, the images and the place of the folder are checked before the folder is made.

    Args:
        spec: What to do.
        folder: Where to keep it; it must not exist, unless ``resume``.
        resume: Go on with a run: stages that ended are not done again, one that was stopped goes on from its last
            checkpoint. On a CPU the outcome is that of a run which was never stopped, to the byte.
        until: The last stage to do.
        command: The command line, for the record.
        checkpoint_every: Seconds between two checkpoints, 0 for one after every step. It changes no result.
        stop: Asks the run to stop.
        parent: A run whose network or search it takes over instead of searching.

    Raises:
        InputError: The folder, the device or the images can't be used, or another process is at work in the folder.
        KeyboardInterrupt: It was asked to stop.
    """
    keeping = CheckpointPolicy(checkpoint_every, stop or Stop())
    with logged(folder, command) as log, as_of(spec.version):
        if resume:
            return _go_on(spec, folder, keeping, until, command, log)
        folder.refuse_existing()
        run = _load(spec, folder, keeping)
        facts = environment(spec.seed, run.machine.device, command, spec.space)
        digests = image_digests(spec.data, spec.scale)
        _make(folder, spec, {ENVIRONMENT: facts, IMAGES: digests, IMAGE_NAMES: image_names(run.images)}, parent)
        with exclusive(folder.path), at_home(folder.path):
            log.begin()
            tell_environment(facts)
            return _do_stages(replace(run, spec=_kept(spec, folder)), until)


def _go_on(
    spec: Spec, folder: RunFolder, keeping: CheckpointPolicy, until: str, command: Sequence[str], log: RunLog
) -> dict[str, Any]:
    if not RunRecord(folder).has_begun:
        raise InputError(f"there is no run to resume (no {SPEC} in it)", str(folder.path))
    folder.refuse_links()
    spec = _kept(spec, folder)
    with exclusive(folder.path), at_home(folder.path):
        folder.clear_asides()
        refuse_other_spec(spec, folder)
        log.begin()
        refuse_gone(folder, spec.data)
        run = _load(spec, folder, keeping)
        facts = environment(spec.seed, run.machine.device, command, spec.space)
        tell_environment(facts)
        warn_of_changes(folder, facts, image_digests(spec.data, spec.scale))
        note_changes(spec, folder)
        return _do_stages(run, until)


def _kept(spec: Spec, folder: RunFolder) -> Spec:
    """The spec, whose space takes its files from the run's folder."""
    return spec.model_copy(update={"space": spec.space.kept_in(folder.path)})


def _load(spec: Spec, folder: RunFolder, keeping: CheckpointPolicy) -> Run:
    """The run with its device and its images; nothing is written."""
    machine = Machine.choose(spec.device, spec.precision)
    with guard(spec.space):
        foreseen = [*spec.foresee_export(), *spec.limit_notices()]
    for notice in (*spec.space.notices(spec.scale), *foreseen):
        warnings.warn(notice, QnasWarning, stacklevel=3)
    refuse_unfit_teachers(spec)
    loading = Journal(folder, "data")
    loading.begin()
    images = load_run_images(
        spec.data,
        spec.scale,
        spec.seed,
        lambda name, done, total: loading.step(done, {"set": name, "of": total}),
        spec.space,
        spec.largest_patch,
    )
    loading.end({})
    return Run(spec, folder, machine, images, keeping)


def _do_stages(run: Run, until: str) -> dict[str, Any]:
    last = STAGES.index(until)
    for name in [stage for stage in stages_of(run.spec) if STAGES.index(stage) <= last]:
        journal = Journal(run.folder, name)
        checkpoints = StageCheckpoints(journal, run.keeping)
        if not run.folder.has(result_of(name)):
            run.keeping.stop.leave(f"stopped before the {name} stage; what came before is kept")
            _do_stage(run, journal, checkpoints)
        checkpoints.remove()
    return summarize(run.folder)


def _do_stage(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> None:
    name = journal.stage
    journal.begin(planned_steps(run.spec, name))
    if name == "report":
        summarize(run.folder)  # which the report reads
    seed_everything(run.spec.seed)  # a space's network may be made with any of them
    with guard(run.spec.space), explain_failures(run.spec, checkpoints):
        result = WORK[name](run, journal, checkpoints)
    result["seconds"] = round(checkpoints.seconds, 3)
    run.folder.sync_history(name)
    run.folder.write_json(result_of(name), result)
    journal.end(result)


_NOT_SUMMARIZED = {"test", "images", "seconds"}
"""What the evaluation leaves beside the costs of the network."""


def summarize(folder: RunFolder) -> dict[str, Any]:
    """Put the results of the stages that ended together, into result.json once the network has been judged."""
    run = RunRecord(folder)
    done = run.stages
    judged = done["evaluate"]
    with as_input_error(f"{folder.path}: the {RESULT} of a stage is damaged"):
        summary = {
            "test": judged.get("test"),
            **{key: value for key, value in judged.items() if key not in _NOT_SUMMARIZED},
            "seconds": {name: done[name]["seconds"] for name in run.ended},
            "discretization_gap_db": done["derive"].get("discretization_gap_db"),
            "ties": [tie["slot"] for tie in done["search"].get("ties", [])],
        }
        summary |= {key: done["search"][key] for key in ("judged", "kept", "notices") if key in done["search"]}
    if judged:
        folder.write_json(RESULT, summary)
    return summary


def _make(folder: RunFolder, spec: Spec, records: Mapping[str, Mapping[str, Any]], parent: RunRecord | None) -> None:
    """Make the folder with its first files, or nothing: a folder that is there has a run that can be resumed."""
    aside = RunFolder(folder.path.with_name(f".{folder.path.name}.{os.getpid()}"))
    try:
        for name, record in records.items():
            aside.write_json(name, record)
        keep_spec(aside, spec)
        if parent is not None:
            begin_child(parent, spec, aside)
        with guard(spec.space):
            spec.space.keep(aside.path, spec.scale)
        folder.refuse_existing()  # meanwhile, another may have made it
        aside.path.rename(folder.path)
        sync_folder(folder.path.parent)
    except BaseException as error:
        shutil.rmtree(aside.path, ignore_errors=True)
        if isinstance(error, OSError):
            error.filename = str(error.filename).replace(str(aside.path), str(folder.path))  # the user knows no other
        raise
