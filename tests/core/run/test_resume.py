"""A run that is stopped, in any way and at any time, ends like one that never was: every file has the same bytes."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from qnas.core.components import Space
from qnas.core.errors import InputError, QnasError
from qnas.core.files.exclusive import exclusive
from qnas.core.files.folder import RunFolder
from qnas.core.network import build_original
from qnas.core.registry import hookimpl, plugins
from qnas.core.run.names import IMAGE_NAMES
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.run.run import run_spec
from qnas.core.search.sensitivity import Sensitivity
from qnas.core.spec import Spec, dump_spec, read_spec

MAY_DIFFER = {"environment.json", "report.html", "run.log"}
WAYS: Mapping[str, tuple[str, ...]] = {
    "as published": (),
    "gumbel": (
        *("search.relaxation=gumbel", "search.warmup=1", "search.weight_decay=0.1"),
        *("search.on_divergence=lower-rate", "train.on_divergence=lower-rate"),
    ),
    "lsq": (
        *("quantizer.search=lsq", "train.start=supernet", "precision=bfloat16"),
        *("search.scalar_learning_rate=0.03", "train.scalar_learning_rate=0.02", "train.step_learning_rate=0.001"),
    ),
    "from float": ("train.start=float", "train.narrowing=[8, 6]", "space.bits=[4]"),
    "sum of losses": ("loss={charbonnier: 1, frequency: 0.2}", "search.loss={l1: 1, mse: 0.5}"),
    "limits": ("limits={bitops: 30M, size: 2 kB}", "search.on_divergence=lower-rate"),
    "front": ("search.front=3", "search.on_divergence=lower-rate", "search.tuning=2"),
    "random": ("search={name: random, samples: 3, steps: 4, batch: 2}",),
    "branches": (
        "space.operations={body: [{name: native, branches: [ecbsr, repvgg]}, conv1x1], all: [native]}",
        *("train.start=float", "train.narrowing=[6]", "train.on_divergence=lower-rate"),
    ),
    "baselines": ("baselines=[uniform]",),
    "crops": ("data.crop={size: 24, stride: 8}",),
    "joint": ("search.update=joint", "search.warmup=1", "search.on_divergence=lower-rate", "precision=bfloat16"),
    "options": (
        *("train.ema=0.9", "train.accumulate=2", "train.learning_rate_warmup=3", "train.weight_decay=0.1"),
        *("train.patches={50%: 12}", "train.on_divergence=lower-rate", "space.residual=batch-norm"),
    ),
}


KILLED = (
    *("as published", "options"),
    *(pytest.param(way, marks=pytest.mark.thorough) for way in ("limits", "random", "baselines")),
)
"""Those that are killed too, which takes long; between them they have every kind of state."""


@pytest.fixture
def tiny(tiny: Path) -> Path:
    """The small spec with fewer candidates, since a search counts them all whenever it is resumed."""
    tiny.write_text(tiny.read_text().replace("bits: [4, 8]", "bits: [4, 8]\n  operations: [native, conv1x1]"))
    return tiny


def spec_of(file: Path, *overrides: str) -> Spec:
    return read_spec(file, overrides).spec


def files(folder: Path) -> dict[str, Any]:
    """Everything that must be the same; in results, all but the seconds."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and path.name not in MAY_DIFFER:
            found[name] = path.read_bytes()
            if path.name == "result.json":
                found[name] = {key: value for key, value in json.loads(found[name]).items() if key != "seconds"}
    return found


def assert_identical(folder: Path, whole: Path) -> None:
    ours, theirs = files(folder), files(whole)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in theirs if ours[name] != theirs[name]] == []


class Stopping:
    """Asks a run to stop at some steps of its loops, and records where it continues."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.stop = Stop()
        self.resumed: list[tuple[str, int]] = []

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if stage in {"search", "float", "train"} and step % self.every == 0 and self.stop.signal is None:
            self.stop.ask(15)

    @hookimpl
    def qnas_stage_resumed(self, stage: str, step: int) -> None:
        self.resumed.append((stage, step))


def run_in_pieces(spec: Spec, folder: Path, every: int, until: str = "evaluate") -> list[tuple[str, int]]:
    """Run a spec, stopped again and again after some steps; returns where it continued."""
    stopping = Stopping(every)
    plugins().manager.register(stopping)
    try:
        for _ in range(50):
            stopping.stop = Stop()
            try:
                run_spec(spec, RunFolder(folder), resume=folder.exists(), until=until, stop=stopping.stop)
            except Interrupted:
                continue
            return stopping.resumed
    finally:
        plugins().manager.unregister(stopping)
    raise AssertionError("it comes to no end")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_stopped_after_every_second_step_it_ends_the_same(way: str, tiny: Path, tmp_path: Path) -> None:
    spec = spec_of(tiny, *WAYS[way])
    with warnings.catch_warnings(action="ignore"):  # so few steps that the search finds the cheapest
        run_spec(spec, RunFolder(tmp_path / "whole"), until="evaluate")
        resumed = run_in_pieces(spec, tmp_path / "pieces", 2)
    if way == "random":  # which reports a sample with its objective, after the last step that can be saved
        assert [step for stage, step in resumed if stage == "search"] == [2, 5, 6, 9, 10]
    else:
        stages = ("search", "float", "train") if "train.start=float" in WAYS[way] else ("search", "train")
        assert resumed == [(stage, step) for stage in stages for step in (2, 4, 6)]
    assert_identical(tmp_path / "pieces", tmp_path / "whole")


@pytest.fixture
def warm(tmp_path: Path) -> dict[str, Any]:
    """A spec on a space with weights, which lacks a search."""
    fields = {"channels": 4, "body": [{"block": "chain", "length": 1}], "bits": [8, 4], "operations": ["native"]}
    space = {"name": "skeleton", **fields}
    weights = tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    save_file(build_original(Space.of(space), 2).state_dict(), weights)
    images = {"name": "dead-leaves", "amount": 6, "size": 32}
    data = {"train": images, "test": {"leaves": images}, "validation": 2, "patch": 8}
    return {"name": "warm", "scale": 2, "space": {**space, "weights": str(weights)}, "data": data}


@pytest.mark.parametrize(
    "search",
    [
        {"search": {"name": "sensitivity", "batch": 2, "tuning": 0}, "limits": {"bitops": "1G"}},
        {"search": {"start": "sensitivity", "steps": 2, "epochs": 1, "batch": 2, "tuning": 0}},
    ],
    ids=["searcher", "start"],
)
def test_a_sensitivity_goes_on_where_it_was_stopped(
    search: dict[str, Any], warm: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, measured = Spec.model_validate({**warm, **search}), []
    measure = Sensitivity._measure
    monkeypatch.setattr(Sensitivity, "_measure", lambda self, case: (measured.append(case), measure(self, case)))
    with warnings.catch_warnings(action="ignore"):  # a limit that rules nothing out, and so few steps
        run_spec(spec, RunFolder(tmp_path / "whole"), until="search")
        once, measured[:] = list(measured), []
        resumed = run_in_pieces(spec, tmp_path / "pieces", 2, until="search")
    assert len(once) > 4
    assert len(resumed) >= len(once) // 2
    assert measured == once
    assert_identical(tmp_path / "pieces", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
@pytest.mark.parametrize("way", KILLED)
def test_killed_at_any_write_it_ends_the_same(way: str, tiny: Path, tmp_path: Path) -> None:
    """Real processes, killed before or after one of the calls that change files, or anywhere by a timer."""
    tiny.write_text(dump_spec(spec_of(tiny, *WAYS[way])))
    seed = str(list(WAYS).index(way))
    command = [sys.executable, str(Path(__file__).parent / "killed_at_writes.py"), str(tiny), str(tmp_path), seed]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=one_thread)
    assert done.returncode == 0, done.stderr
    at_writes, anywhere = map(int, done.stdout.split())
    assert at_writes >= 2  # the timer decides how many are left
    assert anywhere >= 1
    assert_identical(tmp_path / "killed", tmp_path / "whole")


def test_a_run_that_stated_the_names_of_crops_goes_on(tiny: Path, tmp_path: Path) -> None:
    """As they did before, and could not go on."""
    spec, folder = spec_of(tiny, *WAYS["crops"]), RunFolder(tmp_path / "run")
    run_spec(spec, folder, until="search")
    names = folder.read_json(IMAGE_NAMES)
    assert len(names["data.train"]) == 12
    crops = [f"{name}_x{left}_y0" for name in names["data.train"] for left in (0, 8)]
    folder.write_json(IMAGE_NAMES, {**names, "data.train": crops})
    run_spec(spec, folder, resume=True, until="derive")


def test_a_run_in_a_folder_where_another_is_at_work_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_spec(spec_of(tiny), folder, until="derive")
    with exclusive(folder.path), pytest.raises(InputError, match=rf"process {os.getpid()} on .* is at work in this"):
        run_spec(spec_of(tiny), folder, resume=True)
    assert not folder.has("train/history.jsonl")


def test_a_folder_that_was_made_meanwhile_is_left_alone(tiny: Path, tmp_path: Path) -> None:
    class Other:
        @hookimpl
        def qnas_stage_ended(self, stage: str) -> None:
            if stage == "data":
                (tmp_path / "run").mkdir()
                (tmp_path / "run" / "spec.yaml").write_text("theirs")

    other = Other()
    plugins().manager.register(other)
    try:
        with pytest.raises(InputError, match="the output folder exists"):
            run_spec(spec_of(tiny), RunFolder(tmp_path / "run"))
    finally:
        plugins().manager.unregister(other)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["spec.yaml"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".run")]


def diverging(monkeypatch: pytest.MonkeyPatch, above: float) -> None:
    """Make the training break at step 5 if the learning rate is above this."""
    from qnas.core.training.step import WeightStep

    take_step = WeightStep.__call__

    def breaking(step: WeightStep, *arguments: Any) -> Any:
        is_high = step.optimizer.param_groups[0]["lr"] > above
        loss = take_step(step, *arguments)
        return loss * float("nan") if step.schedule.last_epoch == 5 and is_high else loss

    monkeypatch.setattr(WeightStep, "__call__", breaking)


def test_a_run_that_diverged_says_how_to_go_on_and_does(tiny: Path, tmp_path: Path, monkeypatch) -> None:
    folder = RunFolder(tmp_path / "run")
    run_spec(spec_of(tiny), folder, until="derive")
    diverging(monkeypatch, above=0.0002)
    with pytest.raises(QnasError) as caught:
        run_spec(spec_of(tiny), folder, resume=True, checkpoint_every=0)
    kept = folder.path / "train/checkpoint-1.safetensors"
    assert str(caught.value) == (
        "train: the loss is nan at step 5: lower the learning rate; the last good checkpoint is of step 4"
        f" ({kept}); or let it go back and halve the rate: --resume --set train.on_divergence=lower-rate"
    )
    lower = spec_of(tiny, "train.on_divergence=lower-rate")
    with pytest.warns(UserWarning, match="continuing from step 4 at half the rate"):
        run_spec(lower, folder, resume=True)
    assert folder.read_json("train/result.json")["halvings"] == 1
    assert "on_divergence: lower-rate" in folder.read_text("spec.yaml")
    with pytest.raises(InputError, match=r"train\.steps was 6 and is 7"):
        run_spec(spec_of(tiny, "train.on_divergence=stop", "train.steps=7"), folder, resume=True)


@pytest.mark.parametrize(
    ("stage", "lowered"),
    [
        ("search", r"lower search.batch \(2\), data.patch \(8\) or the space's channels"),
        (
            "train",
            r"lower train.batch \(2; train.accumulate makes up for it\), data.patch \(8\) or the space's channels",
        ),
        ("evaluate", "give it smaller images or the space fewer channels"),
    ],
)
def test_out_of_memory_says_what_to_lower(stage: str, lowered: str, tiny: Path, tmp_path: Path, monkeypatch) -> None:
    from qnas.core.run import engine

    def exhausted(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ...")

    done = {name: (lambda *_: {}) for name in engine.WORK}
    monkeypatch.setattr("qnas.core.run.engine.WORK", {**done, stage: exhausted})
    with pytest.raises(
        QnasError, match=rf"^out of memory in the {stage} stage: {lowered} and run again, or go on with"
    ):
        run_spec(spec_of(tiny), RunFolder(tmp_path / "run"))
    monkeypatch.setattr("qnas.core.run.engine.WORK", done)
    run_spec(spec_of(tiny), RunFolder(tmp_path / "run"), resume=True, until="train")
