"""Differences in how runs were trained, and on what machines."""

from collections.abc import Sequence
from itertools import groupby

from qnas.core.comparison.fields import canonical, differing, told
from qnas.core.comparison.reading.finished_run import FinishedRun

_DATA = ("train", "patch", "crop", "augment", "validation", "degradation")
_TRAINING = ("train.", "precision", *(f"data.{field}" for field in _DATA))


def notices(groups: Sequence[Sequence[FinishedRun]]) -> list[str]:
    """What a reader should know before comparing figures of these groups, a line each; none if there is nothing."""
    runs = [run for group in groups for run in group]
    return [*filter(None, (_training(runs), _device(runs), _seeds(groups))), *_twice(groups)]


def machine(run: FinishedRun) -> str:
    """What a run ran on, in words: ``cuda (NVIDIA H100)``, ``cpu (x86_64, 2 threads)``."""
    device, name, threads = (run.environment.get(key) for key in ("device", "device_name", "threads"))
    if not device:
        return "an unknown device"
    details = [name, f"{threads} thread{'s' * (threads != 1)}" if device == "cpu" and threads else ""]
    return f"{device} ({', '.join(map(str, filter(None, details)))})".removesuffix(" ()")


def _training(runs: Sequence[FinishedRun]) -> str:
    fields = [{path: value for path, value in run.fields.items() if path.startswith(_TRAINING)} for run in runs]
    told_ = [f"{path} {_and([told(own.get(path, 'unset')) for own in fields])}" for path in differing(fields)]
    return f"these runs were trained differently: {'; '.join(told_)}" if told_ else ""


def _device(runs: Sequence[FinishedRun]) -> str:
    machines = list(dict.fromkeys(map(machine, runs)))
    return f"these runs ran on {_and(machines)}: their times can't be compared" if len(machines) > 1 else ""


def _seeds(groups: Sequence[Sequence[FinishedRun]]) -> str:
    counts = sorted({len(group) for group in groups})
    return f"the rows have {counts[0]} to {counts[-1]} runs: their means are not equally reliable" if counts[1:] else ""


def _twice(groups: Sequence[Sequence[FinishedRun]]) -> list[str]:
    """Runs that have the spec and the seed of another in their group."""
    same = []
    for group in groups:
        ordered = sorted(group, key=lambda run: canonical(run.seed))
        for seed, members in groupby(ordered, key=lambda run: run.seed):
            folders = [str(run.folder) for run in members]
            if len(folders) > 1:
                same.append(f"{_and(folders)} have the same spec and seed {seed}: each counts")
    return same


def _and(texts: Sequence[str]) -> str:
    """Each text once: ``a, b and c``."""
    distinct = list(dict.fromkeys(texts))
    return " and ".join(filter(None, (", ".join(distinct[:-1]), distinct[-1])))
