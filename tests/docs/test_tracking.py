"""The trackers of the tutorial, against fakes with the part of W&B's and MLflow's documented interfaces they use."""

import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import qnas
from qnas.core.registry import listening
from qnas.core.training.journal import Journal

from .conftest import blocks

_, WANDB, MLFLOW = blocks("docs/tutorials/tracking.md", "python")
IMAGE = np.zeros((8, 8, 3), np.uint8)


class WandB(ModuleType):
    """wandb: ``init`` returns a run; data is logged to the run, with charts over the metric that is their step."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[WandB.Run] = []

    class Run:
        def __init__(self, project: str, name: str, id: str | None, resume: str) -> None:
            assert resume in {"allow", "never", "must", "auto"}
            self.id, self.name = id or "new-id", name
            self.steps: dict[str, str] = {}
            self.logged: list[dict[str, Any]] = []
            self.is_finished = False

        def define_metric(self, name: str, step_metric: str | None = None) -> None:
            if step_metric is not None:
                self.steps[name] = step_metric

        def log(self, data: dict[str, Any], step: int | None = None) -> None:
            assert not self.is_finished
            self.logged.append(data)

        def finish(self) -> None:
            self.is_finished = True

    class Histogram:
        def __init__(self, sequence: list[float]) -> None:
            assert len(sequence) >= 1

    class Image:
        def __init__(self, data_or_path: np.ndarray[Any, Any]) -> None:
            assert data_or_path.dtype == np.uint8

    def init(self, **options: Any) -> "WandB.Run":
        self.runs.append(self.Run(**options))
        return self.runs[-1]


class MLflow(ModuleType):
    """mlflow: one run is active in a process; metrics are numbers under a name and a step."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.active: str | None = None
        self.metrics: list[tuple[str, int, dict[str, float]]] = []
        self.images: list[tuple[str, int]] = []

    def set_experiment(self, experiment_name: str) -> None:
        assert self.active is None

    def start_run(self, run_id: str | None = None, run_name: str | None = None) -> SimpleNamespace:
        assert self.active is None
        self.active = run_id or "new-id"
        return SimpleNamespace(info=SimpleNamespace(run_id=self.active))

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        assert self.active is not None
        assert all(type(value) is float for value in metrics.values())
        self.metrics.append((self.active, step, metrics))

    def log_image(self, image: np.ndarray[Any, Any], key: str, step: int) -> None:
        assert image.dtype == np.uint8
        self.images.append((key, step))

    def end_run(self) -> None:
        assert self.active is not None
        self.active = None


def follow(tracker: qnas.Tracker, path: Path, *, after: int) -> None:
    """Report a run of 20 steps, of which the first are done."""
    images = [(qnas.ImagePair("a.png", IMAGE, IMAGE[::2, ::2]), IMAGE)]
    with warnings.catch_warnings(action="error"), listening(tracker):  # a hook that fails warns
        loading = Journal(qnas.RunFolder(path / "not made yet"), "data")
        loading.begin()
        loading.step(1, {"set": "train", "of": 1})
        for stage in ("search", "train"):
            journal = Journal(qnas.RunFolder(path), stage)
            journal.begin(20)
            journal.resume(after)
            for step in range(after + 1, 21):
                journal.step(step, {"loss": torch.tensor(0.5)})
            seen = {"alpha": {"head.0": [0.1, 0.2]}} if stage == "search" else {"images": images}
            journal.step(20, {"loss": 0.25, "psnr": 30.0, **seen})
            journal.end({})
    tracker.close()


def tracker_of(code: str, fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> type[qnas.Tracker]:
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    module = ModuleType("tracker")
    exec(code, vars(module))
    (found,) = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, qnas.Tracker))
    return found


def test_weights_and_biases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = WandB()
    make = tracker_of(WANDB, fake, monkeypatch)
    follow(make(), tmp_path, after=0)
    follow(make(), tmp_path, after=10)
    assert [(run.id, run.name, run.is_finished) for run in fake.runs] == [("new-id", tmp_path.name, True)] * 2
    first, again = fake.runs
    assert first.steps == {"search/*": "search/step", "train/*": "train/step"}
    assert [data["train/step"] for data in first.logged if "train/step" in data] == [10, 20, 20]
    assert [data["train/step"] for data in again.logged if "train/step" in data] == [20, 20]
    assert set(first.logged[2]) == {f"search/{name}" for name in ("step", "loss", "psnr", "alpha/head.0")}
    assert set(first.logged[-1]) == {f"train/{name}" for name in ("step", "loss", "psnr", "images/a.png")}
    assert first.logged[0] == {"search/step": 10, "search/loss": 0.5}


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = MLflow()
    make = tracker_of(MLFLOW, fake, monkeypatch)
    follow(make(), tmp_path, after=0)
    assert fake.active is None
    follow(make(), tmp_path, after=10)
    assert {run for run, _, _ in fake.metrics} == {"new-id"}
    assert fake.metrics[0][1:] == (10, {"search/loss": 0.5})
    assert fake.metrics[-1][1:] == (20, {"train/loss": 0.25, "train/psnr": 30.0})
    assert fake.images == [("train/a.png", 20)] * 2


def test_the_plugin_registers_both() -> None:
    plugin, registered = ModuleType("plugin"), []
    exec(blocks("docs/tutorials/tracking.md", "python")[0], vars(plugin))
    vars(plugin)["qnas_register_trackers"](lambda *entry: registered.append(entry[:2]))
    assert registered == [
        ("wandb", "qnas_tracking.wandb_tracker:WandB"),
        ("mlflow", "qnas_tracking.mlflow_tracker:MLflow"),
    ]
