"""What a run shows as it goes: to people, and to plugins."""

import io
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from rich.progress import Progress, TextColumn

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.progress import LiveProgress, PlainProgress, show_count
from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.run.stages.planned import stages_of
from qnas.core.spec import load_spec


class Ears:
    """A plugin that logs elsewhere."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.steps: dict[str, list[int]] = {}
        self.metrics: dict[str, set[str]] = {}

    @hookimpl
    def qnas_stage_began(self, folder: RunFolder, stage: str, steps: int) -> None:
        self.heard.append(("began", stage))
        self.steps[stage] = [steps]

    @hookimpl
    def qnas_step(self, folder: RunFolder, stage: str, step: int, metrics: Mapping[str, Any]) -> None:
        self.steps[stage].append(step)
        self.metrics.setdefault(stage, set()).update(metrics)

    @hookimpl
    def qnas_stage_ended(self, folder: RunFolder, stage: str, result: Mapping[str, Any]) -> None:
        self.heard.append(("ended", stage))
        assert stage == "data" or folder.has(f"{stage}/result.json")


def test_under_limits_lines_say_what_the_network_uses_of_them(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--set", "limits={size: 1500, macs: 1T}", "--until", "search"]
    assert invoke(["run", str(tiny), "--out", str(tiny.parent / "out"), *limits]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "PSNR" in line]
    found = [re.search(r"dB  ([0-9.]+) (k?)B  [0-9.]+ [kM]MACs  entropy", line) for line in lines]
    assert found
    assert all(one and float(one[1]) * (1000 if one[2] else 1) <= 1500 for one in found)


def test_plugins_hear_every_stage_and_step(tiny: Path) -> None:
    ears = Ears()
    with listening(ears):
        run_spec(load_spec(tiny), RunFolder(tiny.parent / "out"))
    stages = ["data", *stages_of(load_spec(tiny))]
    assert ears.heard == [(event, stage) for stage in stages for event in ("began", "ended")]
    assert ears.steps["search"][0] == ears.steps["train"][0] == 6
    assert sorted(set(ears.steps["train"][1:])) == [1, 2, 3, 4, 5, 6]
    assert {"loss", "psnr", "bitops", "entropy"} <= ears.metrics["search"]


def test_plain_lines_say_stage_step_loss_psnr_bitops_entropy_and_eta(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["run", str(tiny), "--out", str(tiny.parent / "out")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "search: began, 6 steps" in lines
    number = r"[0-9.]+"
    pattern = rf"search 2/6  loss {number}  PSNR {number} dB  {number} [kMG]BitOps  entropy {number}  ETA {number} s"
    assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1
    assert not any("\x1b" in line for line in lines)
    assert any(re.fullmatch(rf"train: done in {number} s", line) for line in lines)


def test_long_work_is_told_between_validations(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 3.0, 11.0, 12.0])
    monkeypatch.setattr("qnas.core.cli.terminal.progress.time.monotonic", lambda: next(now))
    console = Console(file=io.StringIO(), width=200)
    plain = PlainProgress(console)
    plain._began = plain._said = 0.0
    plain._steps = 10
    plain.qnas_step("train", 1, {"loss": torch.tensor(0.5)})
    plain.qnas_step("train", 2, {"loss": torch.tensor(0.25)})
    assert console.file.getvalue() == "train 2/10  loss 0.2500  ETA 44 s\n"  # type: ignore[attr-defined]


def test_the_live_bar_shows_the_latest_metrics() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with Progress(TextColumn("{task.description} {task.fields[metrics]}", markup=False), console=console) as bars:
        live = LiveProgress(bars)
        live.qnas_stage_began("search", 10)
        live.qnas_step(4, {"loss": torch.tensor(0.125), "psnr": 31.5, "bitops": 2.5e8, "entropy": 0.5})
        assert bars.tasks[0].completed == 4
        assert bars.tasks[0].fields["metrics"] == "loss 0.1250  PSNR 31.50 dB  250 MBitOps  entropy 0.500"
        live.qnas_stage_ended({"seconds": 61})
        assert bars.tasks[0].finished
        assert "1 min 1 s" in bars.tasks[0].fields["metrics"]


def test_what_is_judged_at_the_end_of_a_search_is_named_and_then_gone() -> None:
    console = Console(file=io.StringIO(), width=120)
    with Progress("{task.completed}/{task.total} {task.fields[metrics]}", console=console) as bars:
        live = LiveProgress(bars)
        live.qnas_stage_began("search", 30)
        live.qnas_step(30, {"loss": 0.25, "psnr": 20.0})
        live.qnas_step(3, {"judged": "uniform 4", "of": 6, "psnr": 19.0})
        (bar,) = bars.tasks
        assert (bar.completed, bar.total, bar.fields["metrics"]) == (3, 6, "judging uniform 4  PSNR 19.00 dB")
        live.qnas_stage_ended({})
        assert (bar.completed, bar.total, bar.fields["metrics"]) == (30, 30, "loss 0.2500  PSNR 20.00 dB")


def test_a_finished_evaluation_shows_the_mean_and_not_the_last_image() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with Progress(TextColumn("{task.description} {task.fields[metrics]}", markup=False), console=console) as bars:
        live = LiveProgress(bars)
        live.qnas_stage_began("evaluate", 0)
        live.qnas_step(2, {"psnr": 20.0})
        live.qnas_stage_ended({"test": {"photos": {"psnr_y": 31.25}, "Set5": {"psnr_y": 30.0}}, "seconds": 2})
        assert bars.tasks[0].fields["metrics"] == "photos  PSNR 31.25 dB  2.0 s"


def test_a_request_to_stop_shows_in_the_bar_and_breaks_no_line() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with Progress(TextColumn("{task.description} {task.fields[metrics]}", markup=False), console=console) as bars:
        live = LiveProgress(bars)
        stop = Stop(live.announce)
        stop.is_heeded = True
        live.qnas_stage_began("train", 10)
        stop.ask(signal.SIGINT)
        live.qnas_step(4, {"loss": torch.tensor(0.125), "psnr": 31.5})
        assert bars.tasks[0].fields["metrics"] == "stopping after this step; once more leaves at once"


def test_a_count_is_a_bar_in_a_terminal_and_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_count("decode", 3) as told:
        told(1)
    assert capsys.readouterr().err == "decode: began\n"
    screen = io.StringIO()
    terminal = Console(file=screen, width=100, force_terminal=True)
    monkeypatch.setattr("qnas.core.cli.terminal.progress.Console", lambda **_: terminal)
    with show_count("[x] images", 3) as told:
        told(2)
    assert "[x] images" in screen.getvalue()
    assert "2/3" in re.sub(r"\x1b\[[0-9;?]*\w", "", screen.getvalue())


def test_names_are_never_taken_for_markup(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.write_text(tiny.read_text().replace("test: {leaves:", "test: {'[/x] [red]':"))
    assert invoke(["check", str(tiny)]) == 0
    assert invoke(["run", str(tiny), "--out", str(tiny.parent / "out")]) == 0
    assert "[/x] [red]" in capsys.readouterr().out
