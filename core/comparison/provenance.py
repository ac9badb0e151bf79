"""Where figures come from: the data, training, search, seeds and machines of runs."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from qnas.core.comparison.differences import machine
from qnas.core.comparison.fields import told
from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.run.losses import PLAIN, minimized

_TRAINING = ("steps", "batch", "learning_rate", "scalar_learning_rate", "step_learning_rate", "start")


class Fact(NamedTuple):
    """One fact about how runs were made: its name, and its values over all of them, in words."""

    name: str
    words: Sequence[str]


def facts_of(runs: Sequence[FinishedRun], *, whole_paths: bool = True) -> list[Fact]:
    """What is known of how runs were made.

    Args:
        runs: The runs.
        whole_paths: Whether paths of images are shown in full, or only their ends.
    """
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    facts = {
        "training images": [component(run.spec, "data", "train", whole_paths=whole_paths) for run in runs],
        "training": [_training(run.spec.get("train")) for run in runs],
        "losses": _losses(runs),
        "search": [component(run.spec, "search") for run in runs],
        "seeds": [", ".join(map(str, seeds))],
        "machine": [machine(run) for run in runs],
        "PyTorch": [_package(run, "torch") for run in runs],
        "qnas": [_package(run, "qnas") for run in runs],
    }
    return [Fact(name, words) for name, all_ in facts.items() if (words := list(dict.fromkeys(filter(None, all_))))]


def _losses(runs: Sequence[FinishedRun]) -> list[str]:
    """What trainings minimized; nothing where all had plain L1."""
    words = [minimized(run.spec, "train") for run in runs]
    return [] if set(words) == {PLAIN} else words


def component(spec: Any, *path: str, whole_paths: bool = True) -> str:
    """A component of a spec in words: its name, and its fields."""
    for key in path:
        spec = spec.get(key) if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping):
        return "" if spec is None else told(spec)
    fields = [
        f"{key} {told(value if whole_paths or key != 'path' else _end(value))}"
        for key, value in spec.items()
        if key != "name" and value is not None
    ]
    return f"{spec.get('name', '')} ({', '.join(fields)})".removesuffix(" ()")


def _end(path: Any) -> Any:
    """Where a path, or each of several, ends."""
    return [_end(one) for one in path] if isinstance(path, list) else PurePath(str(path)).name


def _training(settings: Any) -> str:
    known = settings if isinstance(settings, Mapping) else {}
    return ", ".join(f"{key.replace('_', ' ')} {told(known[key])}" for key in _TRAINING if known.get(key) is not None)


def _package(run: FinishedRun, name: str) -> str:
    packages = run.environment.get("packages")
    return str(packages.get(name) or "") if isinstance(packages, Mapping) else ""
