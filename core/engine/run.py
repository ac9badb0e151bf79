"""The engine: takes a spec through its stages, into a run folder."""

import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from qnas.core.engine.device import choose_device
from qnas.core.engine.environment import environment
from qnas.core.engine.folder import RunFolder
from qnas.core.engine.journal import Journal
from qnas.core.engine.run_images import load_run_images
from qnas.core.engine.seeds import seed_everything
from qnas.core.engine.stages import STAGES, Run, planned_steps
from qnas.core.errors import InputError
from qnas.core.network import guard
from qnas.core.spec import Spec, dump_spec


def run_spec(
    spec: Spec, folder: RunFolder, *, resume: bool = False, until: str = "report", command: Sequence[str] = ()
) -> dict[str, Any]:
    """Run the stages of a spec and return what is in result.json.

    The spec, the images and the place of the folder are checked before the folder is made.

    Args:
        spec: What to do.
        folder: Where to keep it; it must not exist, unless ``resume``.
        resume: Go on with a run: stages that ended are not done again.
        until: The last stage to do.
        command: The command line, for the record.

    Raises:
        InputError: The folder, the device or the images can't be used.
    """
    if resume:
        folder.refuse_missing()
        _refuse_other_spec(spec, folder)
    else:
        folder.refuse_existing()
    device = choose_device(spec.device)
    for notice in spec.space.notices(spec.scale):
        warnings.warn(notice, stacklevel=2)
    loading = Journal(folder, "data")
    loading.begin()
    images = load_run_images(
        spec.data,
        spec.scale,
        spec.seed,
        lambda name, done, total: loading.step(done, {"set": name, "of": total}),
    )
    loading.end({})
    if not resume:
        _make(folder, spec, environment(spec.seed, device, command))
    run = Run(spec, folder, device, images)
    for name in list(STAGES)[: list(STAGES).index(until) + 1]:
        if not folder.has(f"{name}/result.json"):
            _do_stage(run, name)
    return summarize(folder)


def _do_stage(run: Run, name: str) -> None:
    journal = Journal(run.folder, name)
    journal.begin(planned_steps(run.spec, name))
    if name == "report":
        summarize(run.folder)  # which the report reads
    began = time.perf_counter()
    seed_everything(run.spec.seed)  # a space's network may be made with any of them
    with guard(run.spec.space):
        result = STAGES[name](run, journal)
    result["seconds"] = round(time.perf_counter() - began, 3)
    run.folder.write_json(f"{name}/result.json", result)
    journal.end(result)


def summarize(folder: RunFolder) -> dict[str, Any]:
    """Put the results of the stages that ended together, into result.json once the network has been judged."""
    done = {name: folder.read_json(f"{name}/result.json") for name in STAGES if folder.has(f"{name}/result.json")}
    judged = done.get("evaluate", {})
    summary = {
        **{key: judged.get(key) for key in ("test", "bitops", "macs", "params", "size_bytes")},
        "seconds": {name: result["seconds"] for name, result in done.items()},
        "discretization_gap_db": done.get("derive", {}).get("discretization_gap_db"),
        "ties": [tie["slot"] for tie in done.get("search", {}).get("ties", [])],
    }
    if judged:
        folder.write_json("result.json", summary)
    return summary


def _make(folder: RunFolder, spec: Spec, facts: Mapping[str, Any]) -> None:
    """Make the folder with its first files, or nothing."""
    folder.path.mkdir(parents=True)
    try:
        folder.write_json("environment.json", facts)
        folder.write_text("spec.yaml", dump_spec(spec))
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _refuse_other_spec(spec: Spec, folder: RunFolder) -> None:
    before, now = folder.read_text("spec.yaml"), dump_spec(spec)
    if before != now:
        what = f"the spec is not the one that this run began with (its spec.yaml): {_first_difference(before, now)}"
        raise InputError(what, str(folder.path))


def _first_difference(before: str, now: str) -> str:
    try:
        return next(_differences(yaml.safe_load(before), yaml.safe_load(now)), "it is written otherwise")
    except yaml.YAMLError:
        return "it is damaged"


def _differences(before: Any, now: Any, field: str = "") -> Iterator[str]:
    """The fields that differ, each with both values."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        if before != now:
            yield f"{field or 'it'} was {before} and is {now}"
        return
    for key in {**before, **now}:
        yield from _differences(before.get(key), now.get(key), f"{field}.{key}" if field else str(key))
