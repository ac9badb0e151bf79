"""The stages ``evaluate``, ``export`` and ``report``: what became of the trained network."""

from typing import Any

from qnas.core.run.deployment.export import export_found, planned
from qnas.core.run.examples import write_examples
from qnas.core.run.resuming.checkpoint import StageCheckpoints
from qnas.core.run.sizes import found_sizes, limits_used
from qnas.core.run.stages.under_way import Run
from qnas.core.training.journal import Journal
from qnas.core.upscale.scoring import judge_sets
from qnas.core.upscale.tiles import Upscaler


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
