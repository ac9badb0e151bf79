"""The engine: does the stages of a run that has its folder, one after the other."""

from collections.abc import Mapping
from typing import Any

from qnas.core.errors import as_input_error
from qnas.core.files.folder import RunFolder
from qnas.core.network import guard
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.run.costs import measured_costs
from qnas.core.run.failure import explain_failures
from qnas.core.run.names import BASELINES, MEASURED, RESULT, STAGES, result_of
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import StageCheckpoints
from qnas.core.run.stages.baselines import train_baselines
from qnas.core.run.stages.judging import evaluate, export, report
from qnas.core.run.stages.planned import planned_steps, stages_of
from qnas.core.run.stages.searching import derive_found, search
from qnas.core.run.stages.training import train_float, train_found
from qnas.core.run.stages.under_way import Run, Stage
from qnas.core.run.together import STAGES_OF_MAIN
from qnas.core.training.journal import Journal


def do_stages(run: Run, until: str = STAGES[-1]) -> dict[str, Any]:
    """Do the stages of a run that have not ended yet, and return what is in result.json.

    Args:
        run: The run; no other process is at work in its folder.
        until: The last stage to do.

    Raises:
        KeyboardInterrupt: It was asked to stop.
    """
    last = STAGES.index(until)
    for name in [stage for stage in stages_of(run.spec) if STAGES.index(stage) <= last]:
        if name in STAGES_OF_MAIN and not run.machine.is_main:
            continue
        journal = run.journal_of(run.folder, name)
        checkpoints = StageCheckpoints(journal, run.keeping)
        if not run.folder.has(result_of(name)):
            run.keeping.stop.leave(f"stopped before the {name} stage; what came before is kept")
            _do_stage(run, journal, checkpoints)
        checkpoints.remove()
    return summarize(run.folder)


def _baselines(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> dict[str, Any]:
    """Runs in a run."""
    del checkpoints
    return train_baselines(run, journal, do_stages)


WORK: Mapping[str, Stage] = dict(
    zip(
        STAGES,
        (search, derive_found, train_float, train_found, evaluate, _baselines, export, report),
        strict=True,
    )
)
"""Stage to what it does."""


def _do_stage(run: Run, journal: Journal, checkpoints: StageCheckpoints) -> None:
    name = journal.stage
    journal.begin(planned_steps(run.spec, name))
    if name == "report":
        summarize(run.folder)  # which the report reads
    seed_everything(run.spec.seed)  # a space's network may be made with any of them
    with guard(run.spec.space), explain_failures(run.spec, checkpoints):
        result = WORK[name](run, journal, checkpoints)
    if name != BASELINES:  # whose runs have measured it, however often they were stopped
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
        summary |= {key: done["search"][key] for key in ("judged", "kept", "front", "notices") if key in done["search"]}
        summary |= {key: value for key, value in done["baselines"].items() if key != "seconds"}
    if judged:
        summary |= {MEASURED: measured} if (measured := measured_costs(run)) else {}
        folder.write_json(RESULT, summary)
    return summary
