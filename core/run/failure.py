"""Failures of a stage, explained with what to do about them."""

import contextlib
from collections.abc import Iterator

from qnas.core.errors import QnasError, is_out_of_memory
from qnas.core.run.resuming.checkpoint import StageCheckpoints
from qnas.core.spec import Spec
from qnas.core.training.divergence import Diverged


@contextlib.contextmanager
def explain_failures(spec: Spec, checkpoints: StageCheckpoints) -> Iterator[None]:
    """Explain in one line what stopped a stage, and what to do about it.

    Raises:
        QnasError: It diverged, or there was not enough memory.
    """
    stage = checkpoints.stage
    try:
        yield
    except Diverged as error:
        raise QnasError(f"{stage}: {error}{_kept(checkpoints)}{_way_back(spec, stage)}") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        what = f"out of memory in the {stage} stage: {_to_lower(spec, stage)} and run again"
        raise QnasError(f"{what}, or go on with --resume where there is more memory") from error


def _kept(checkpoints: StageCheckpoints) -> str:
    return f"; the last good checkpoint is of step {checkpoints.step} ({checkpoints.path})" if checkpoints.step else ""


def _way_back(spec: Spec, stage: str) -> str:
    """How to resume the run, where that is possible."""
    settings = _settings_of(stage)
    if getattr(getattr(spec, settings), "on_divergence", None) != "stop":
        return ""
    return f"; or let it go back and halve the rate: --resume --set {settings}.on_divergence=lower-rate"


def _to_lower(spec: Spec, stage: str) -> str:
    if stage not in {"search", "float", "train"}:
        return "give it smaller images or the space fewer channels"
    settings = _settings_of(stage)
    batch = getattr(spec, settings).batch
    grown = max(spec.train.patches.values(), default=0) if settings == "train" else 0
    patch = f"train.patches (up to {grown})" if grown > spec.data.patch else f"data.patch ({spec.data.patch})"
    instead = "; train.accumulate makes up for it" if settings == "train" else ""
    return f"lower {settings}.batch ({batch}{instead}), {patch} or the space's channels"


def _settings_of(stage: str) -> str:
    """The field of the spec that says how a stage trains."""
    return "train" if stage == "float" else stage
