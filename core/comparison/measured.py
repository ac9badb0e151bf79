"""Measured latency as what runs are compared over: what ``qnas bench`` noted of each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.drawing.wording import plural
from qnas.core.errors import InputError

MEASURED: Final = "measured"
"""What the option ``--cost`` calls it: by itself, or with a setting, ``measured:openvino:256x256:1``."""
_NANO = 1e9


def latencies(run: FinishedRun) -> dict[str, float]:
    """Nanoseconds of its found network by setting: target, LR size, threads."""
    return {_setting(timing): _NANO * timing["networks"]["found"]["median_seconds"] for timing in run.run.timings}


def measured_setting(name: str, runs: Sequence[FinishedRun]) -> str:
    """The setting that ``--cost`` names; by default the one that all runs were measured in.

    Raises:
        InputError: There is none, or several, or the runs were measured on different processors.
    """
    known = [set(latencies(run)) for run in runs]
    common = sorted(set.intersection(*known)) if known else []
    setting = name.partition(":")[2]
    if setting and setting not in set().union(*known):
        raise InputError(f"no run was measured in '{setting}'{_listed(set().union(*known))}", "--cost")
    if not setting and len(common) != 1:
        what = "the runs were measured in several settings: name one" if common else "no setting is common to all runs"
        raise InputError(f"{what}{_listed(common or set().union(*known))}", "--cost")
    setting = setting or common[0]
    processors = {timing["processor"] for run in runs for timing in run.run.timings if _setting(timing) == setting}
    if len(processors) > 1:
        raise InputError(f"the runs were measured on different processors: {', '.join(sorted(processors))}", "--cost")
    return setting


def in_words(setting: str) -> str:
    """A setting in words.

    >>> in_words("openvino:256x320:1")
    'openvino, 256 x 320 LR, 1 thread'
    """
    name, size, threads = setting.rsplit(":", 2)
    return f"{name}, {size.replace('x', ' x ')} LR, {plural(int(threads), 'thread')}"


def _setting(timing: Mapping[str, Any]) -> str:
    target, size = timing["target"], timing["size"]
    name = target if isinstance(target, str) else ",".join(map(str, target.values()))
    return f"{name}:{size[0]}x{size[1]}:{timing['threads']}"


def _listed(settings: Any) -> str:
    named = ", ".join(f"{MEASURED}:{setting}" for setting in sorted(settings))
    return f" ({named})" if named else " (qnas bench RUN... measures them)"
