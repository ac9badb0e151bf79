"""The hooks: all that qnas sees of this package.

Every ``qnas`` command imports this module, so it imports nothing heavy. It names components by their import paths; they
are imported when a spec uses them.
"""

from collections.abc import Mapping
from typing import Any

import qnas

from qnas_ghost.step_log import StepLog

_log = StepLog()


@qnas.hookimpl
def qnas_register_spaces(register: "qnas.Register") -> None:
    """Register the space."""
    register("ghost", "qnas_ghost.space:GhostSpace", "Ghost modules for SR (Han et al. 2020)")


@qnas.hookimpl
def qnas_register_operations(register: "qnas.Register") -> None:
    """Register the operation, under one name for each kernel."""
    for k in (3, 5):
        summary = f"{k} x {k} on a quarter of the channels, then 1 x 1 (Chen et al. 2023)"
        register(f"partial{k}x{k}", "qnas_ghost.partial:PartialConvolution", summary, kernel=k)


@qnas.hookimpl
def qnas_register_quantizers(register: "qnas.Register") -> None:
    """Register the quantizer."""
    register("tqt", "qnas_ghost.tqt:TQT", "Trained thresholds, steps are powers of two (Jain et al. 2020)")


@qnas.hookimpl
def qnas_stage_began() -> None:
    """Begin a stage. A hook takes only the arguments that it needs, here none."""
    _log.begin()


@qnas.hookimpl
def qnas_step(step: int, metrics: Mapping[str, Any]) -> None:
    """Record the step."""
    _log.note(step, metrics)


@qnas.hookimpl
def qnas_stage_ended(folder: "qnas.RunFolder", stage: str) -> None:
    """Write the recorded steps."""
    _log.write(folder, stage)
