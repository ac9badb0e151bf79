"""``qnas sweep`` from the outside."""

import io
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.sweep_table import PlainStatuses, fitting, show_statuses, table
from qnas.core.spec import load_spec
from qnas.core.sweep.plan import Point
from qnas.core.sweep.progress import Progress
from qnas.core.sweep.status import Status, begin_statuses

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tiny.parent)
    return tiny.parent


def test_points_are_run_those_that_fail_are_told_and_tried_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two points: one can't be trained (its images are not images), one can."""
    (folder / "images").mkdir()
    (folder / "images/a.png").write_text("I am no image.")
    (folder / "variants.yaml").write_text(
        "spec: spec.yaml\n"
        "variants:\n"
        "  good: {set: {search.steps: 3, train.steps: 3}, vary: {space.cells: [1]}}\n"
        "  bad: {set: {data.test: {mine: {name: folder, path: images}}}}\n"
    )
    command = ["sweep", "variants.yaml", "--jobs", "2"]
    assert invoke(command) == 1
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert "good/cells=1/seed-0: starting" in lines
    figures = r"\d+\.\d\d dB  [\d.]+ MBitOps  [\d.]+ s"
    assert any(re.match(rf"good/cells=1/seed-0: done  {figures}  \(\d/2", line) for line in lines)
    assert re.fullmatch(
        r"bad/seed-0 failed: .*images/a\.png: is not an image.* \(log: runs/variants/logs/bad/seed-0\.txt\)", lines[-2]
    )
    assert lines[-1] == "1 of 2 points failed; repeat the command to retry"
    assert told.out.splitlines()[0].split() == ["point", "state", "PSNR", "leaves", "BitOps", "32x32", "time"]
    assert told.out.endswith("next: qnas compare runs/variants\n")
    out = folder / "runs/variants"
    assert load_spec(out / "good/cells=1/seed-0/spec.yaml").train.steps == 3
    assert [point["variant"] for point in json.loads((out / "sweep.json").read_text())["points"]] == ["good", "bad"]
    before = (out / "good/cells=1/seed-0/model.safetensors").stat().st_mtime_ns

    assert invoke([*command, "--only", "good"]) == 0
    assert "starting" not in capsys.readouterr().err
    assert (out / "good/cells=1/seed-0/model.safetensors").stat().st_mtime_ns == before
    assert invoke([*command, "--set", "search.steps=4"]) == 2
    assert re.match(
        r"runs/variants/good/cells=1/seed-0: the spec is not the one .*search\.steps was 3 and is 4", _err(capsys)
    )


def _err(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["spec.yaml", "--vary", "space.chanels=3"], r"^--vary space\.chanels: .*did you mean 'channels'"),
        (["spec.yaml", "--vary", "scale"], r"^--vary scale: must be key=value, such as search\.steps=50,100$"),
        (["spec.yaml", "--only", "x"], r"^--only: there is no variant 'x': the spec is not a sweep file$"),
        (["gone.yaml"], r"^gone\.yaml: can't read the spec: No such file"),
        (["spec.yaml", "--out", "spec.yaml"], r"^spec\.yaml: it is not a folder: choose another with --out$"),
        (["spec.yaml", "--out", "run"], r"^run: it holds a run: choose another folder for the sweep with --out$"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_left(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (folder / "run").mkdir()
    (folder / "run/spec.yaml").touch()
    before = set(folder.rglob("*"))
    assert invoke(["sweep", *arguments]) == 2
    assert re.search(told, _err(capsys))
    assert set(folder.rglob("*")) == before


def test_a_sweep_of_an_earlier_version_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "swept").mkdir()
    (folder / "swept/sweep.json").write_text('{"format": 1, "points": []}')
    assert invoke(["sweep", "spec.yaml", "--out", "swept", "--set", "seed=x"]) == 2
    said, mistake = capsys.readouterr().err.splitlines()
    assert said == "the sweep began with version 1 of the spec: fields left out have the defaults of then"
    assert "seed" in mistake


def test_an_interrupted_sweep_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(statuses: Sequence[Status], *_: object) -> None:
        statuses[0].state = "done"
        raise KeyboardInterrupt

    monkeypatch.setattr("qnas.core.sweep.runner.run_points", interrupted)
    assert invoke(["sweep", "spec.yaml", "--seeds", "3"]) == 130
    assert _err(capsys) == "interrupted: 1 of 3 points are done; repeat the command to go on"
    assert Path("runs/spec-sweep/sweep.json").exists()


RESULT = {"test": {"Set5": {"psnr_y": 31.234}, "Set14": {"psnr_y": 27.8}}, "bitops": {"32x32": 4.6e9, "256x256": 3e11}}


@pytest.fixture
def statuses(tiny: Path) -> list[Status]:
    """One point is done, one has failed, one is running, and two are waiting."""
    spec, steps = load_spec(tiny), {"search": 6, "derive": 0, "float": 0, "train": 6, "evaluate": 0, "report": 0}
    points = [Point(f"cells={cells}/seed-0", None, {}, spec, steps) for cells in range(5)]
    made = begin_statuses(points, Path("out"))
    made[0].state, made[0].result, made[0].seconds = "done", RESULT, 200
    made[1].seconds = 5
    made[1].fail("it is wrong")
    made[2].state, made[2].progress, made[2].seconds = "running", Progress("train", 3, 6), 65
    return made


def shown(statuses: list[Status]) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(table(statuses))
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_the_table_has_all_that_is_known(statuses: list[Status]) -> None:
    statuses[4].state = "running"
    assert shown(statuses) == [
        "point state PSNR Set5 BitOps 32x32 time",
        "cells=0/seed-0 done 31.23 dB 4.6 GBitOps 3 min 20 s",
        "cells=1/seed-0 failed 5.0 s",
        "cells=2/seed-0 train 3/6 1 min 5 s",
        "cells=3/seed-0 waiting",
        "cells=4/seed-0 starting",
    ]


@pytest.mark.parametrize(
    ("rows", "kept"), [(1, [2]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_a_table_that_is_too_long_keeps_what_is_wanted_most(statuses: list[Status], rows: int, kept: list[int]) -> None:
    assert fitting(statuses, rows) == [statuses[index] for index in kept]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that the table uses; its only item may be changed."""
    now = [0.0]
    monkeypatch.setattr("qnas.core.cli.terminal.sweep_table.time.monotonic", lambda: now[0])
    return iter([now])


def test_plain_lines_say_what_changes_and_now_and_then_what_runs(
    statuses: list[Status], clock: Iterator[list[float]]
) -> None:
    (now,) = clock
    console = Console(file=io.StringIO(), width=40)
    plain = PlainStatuses(statuses, console)
    plain.tell()
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    now[0] = 30.0
    statuses[2].state, statuses[2].result = "done", RESULT
    statuses[3].state = "running"
    plain.tell()
    now[0] = 61.0
    statuses[3].progress = Progress("search", 2, 6)
    plain.tell()
    plain.tell()
    statuses[3].fail("it is wrong")
    plain.tell()
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "cells=2/seed-0: done  31.23 dB  4.6 GBitOps  1 min 5 s  (3/5, ETA 30 s)",
        "cells=3/seed-0: starting",
        "cells=3/seed-0: search 2/6",
        "cells=3/seed-0: failed  it is wrong  0.0 s  (4/5, ETA 28 s)",
    ]


def test_in_a_terminal_the_table_is_live(
    statuses: list[Status], clock: Iterator[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (now,) = clock
    console = Console(file=io.StringIO(), width=100, height=7, force_terminal=True, color_system=None)
    monkeypatch.setattr("qnas.core.cli.terminal.sweep_table.Terminal", lambda **_: console)
    with show_statuses(statuses) as tell:
        now[0] = 42.0
        tell()
    written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert "1 done, 1 running, 2 waiting, 1 failed; 42 s, ETA 54 s" in written
    assert "train 3/6" in written
    assert "cells=3/seed-0" in written
    assert "cells=0/seed-0" not in written  # is done, and there is no room


def test_a_launcher_that_can_not_be_used_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(folder.rglob("*"))
    for arguments, told in (
        (["--launcher", "slrm"], "no launcher is named 'slrm'; did you mean 'slurm'"),
        (["--with", "gpu=1"], "--with gpu: launcher.gpu: unknown field; did you mean 'gpus'"),
        (["--with", "pin"], "--with pin: must be key=value, such as gpus=2"),
    ):
        assert invoke(["sweep", "spec.yaml", *arguments]) == 2
        assert _err(capsys).startswith(told)
    assert invoke(["sweep", "--status", "gone"]) == 2
    assert _err(capsys) == "gone: there is no sweep in the folder (no sweep.json in it)"
    assert invoke(["sweep", "--stop", "gone"]) == 2
    assert _err(capsys) == "gone: nobody follows a sweep in this folder"
    assert set(folder.rglob("*")) == before


def test_a_sweep_is_left_looked_at_stopped_and_gone_on_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sweep", "spec.yaml", "--seeds", "2", "--out", "left", "--set", "search.steps=20000"]
    assert invoke([*command, "--detach"]) == 0
    assert re.match(r"process \d+ on .*, follows the sweep; look at it with: qnas sweep --status left$", _err(capsys))
    try:
        assert invoke([*command, "--detach"]) == 2
        assert re.match(r"left: process \d+ on .*, is at work in this folder$", _err(capsys))
        deadline = time.monotonic() + 120
        while not re.search(r"search \d", shown := _shown(capsys)) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert "1 running, 1 waiting" in shown
        assert "stop it with: qnas sweep --stop left" in shown
    finally:
        assert invoke(["sweep", "--stop", "left"]) == 0
    capsys.readouterr()
    assert "2 waiting" in (shown := _shown(capsys))
    assert "nobody follows the sweep" in shown
    assert list((folder / "left/seed-0/search").glob("checkpoint-*.safetensors"))


def _shown(capsys: pytest.CaptureFixture[str]) -> str:
    assert invoke(["sweep", "--status", "left"]) == 0
    return capsys.readouterr().out
