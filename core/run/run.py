"""Running a spec: checked, given a folder, taken through its stages."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.exclusive import exclusive
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.network import guard
from qnas.core.run.beginning import make_run
from qnas.core.run.engine import do_stages
from qnas.core.run.images import load_run_images
from qnas.core.run.log import RunLog, logged, tell_environment
from qnas.core.run.names import ENVIRONMENT, IMAGE_NAMES, IMAGES, SPEC
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import EVERY_SECONDS, CheckpointPolicy
from qnas.core.run.resuming.environment import environment, image_digests, image_names, refuse_gone, warn_of_changes
from qnas.core.run.resuming.kept_files import with_kept_files
from qnas.core.run.resuming.kept_spec import note_changes, refuse_other_spec
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.stages.under_way import Run
from qnas.core.run.teachers import refuse_unfit_teachers
from qnas.core.run.together import together
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
    begin: Callable[[RunFolder], object] | None = None,
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
        begin: Writes what a run begins with that takes over the network or the search of another instead of searching.

    Raises:
        InputError: The folder, the device or the images can't be used, or another process is at work in the folder.
        KeyboardInterrupt: It was asked to stop.
    """
    keeping = CheckpointPolicy(checkpoint_every, stop or Stop())
    with as_of(spec.version), together(spec, folder, resume=resume) as where, logged(where, command) as log:
        if resume:
            return _go_on(spec, where, keeping, until, command, log)
        where.refuse_existing()
        run = _load(spec, where, keeping)
        facts = environment(spec.seed, run.machine.device, command, spec.space)
        _make(run, facts, begin)
        with exclusive(where.path), at_home(where.path):
            log.begin()
            tell_environment(facts)
            return do_stages(replace(run, spec=with_kept_files(spec, where.path)), until)


def _make(run: Run, facts: Mapping[str, Any], begin: Callable[[RunFolder], object] | None) -> None:
    """Make the run's folder."""
    digests = image_digests(run.spec.data, run.spec.scale)

    def write(made: RunFolder) -> None:
        made.write_json(ENVIRONMENT, facts)
        made.write_json(IMAGES, digests)
        made.write_json(IMAGE_NAMES, image_names(run.images))
        if begin is not None:
            begin(made)

    make_run(run.folder, run.spec, write)


def _go_on(
    spec: Spec, folder: RunFolder, keeping: CheckpointPolicy, until: str, command: Sequence[str], log: RunLog
) -> dict[str, Any]:
    if not RunRecord(folder).has_begun:
        raise InputError(f"there is no run to resume (no {SPEC} in it)", str(folder.path))
    folder.refuse_links()
    spec = with_kept_files(spec, folder.path)
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
        return do_stages(run, until)


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
