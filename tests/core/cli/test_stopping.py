"""``qnas run`` asked to stop: what it says, and that following its advice works."""

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke
from qnas.core.registry import hookimpl, listening

pytestmark = pytest.mark.slow


class Signalling:
    """Sends this process a signal at a step of a stage (0 when it begins), a number of times."""

    def __init__(self, number: int, stage: str, step: int, times: int = 1) -> None:
        self.number, self.stage, self.step, self.times = number, stage, step, times

    @hookimpl
    def qnas_stage_began(self, stage: str) -> None:
        self.qnas_step(stage, 0)

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if (stage, step) == (self.stage, self.step):
            for _ in range(self.times):
                assert callable(signal.getsignal(self.number)), "nobody would hear it, and it would end all tests"
                signal.raise_signal(self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_keeps_what_it_has_and_says_how_to_go_on(
    number, code, tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tiny.parent / "a run"
    arguments = [str(tiny), "--out", str(out), "--set", "search.epochs=2", "--until", "derive"]
    with listening(Signalling(number, "search", 4)):
        assert invoke(["run", *arguments]) == code
    *_, last = capfd.readouterr().err.splitlines()
    said, command = last.split("; go on with: ")
    assert said == "stopped after step 4 of the search stage, which is kept"
    program, *words = shlex.split(command)
    assert (program, words) == ("qnas", ["run", *arguments, "--resume"])
    assert invoke(words) == 0
    lines = capfd.readouterr().err.splitlines()
    assert "search: goes on after step 4 of 6" in lines
    assert not [line for line in lines if line.startswith("search 3/6")]
    assert (out / "architecture.json").exists()


@pytest.mark.parametrize("stage", ["search", "train"])
def test_what_comes_after_the_last_step_of_a_stage_stops_before_the_next(
    stage: str, tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class AtTheEnd:
        @hookimpl
        def qnas_stage_ended(self, stage: str) -> None:
            if stage == ending:
                os.kill(os.getpid(), signal.SIGTERM)

    ending, out = stage, tiny.parent / "out"
    following = {"search": "derive", "train": "evaluate"}[stage]
    arguments = ["run", str(tiny), "--out", str(out), "--until", following]
    with listening(AtTheEnd()):
        assert invoke(arguments) == 143
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith(f"stopped before the {following} stage; what came before is kept; go on with: qnas run ")
    assert (out / stage / "result.json").exists()
    assert not (out / following).exists()
    assert invoke([*arguments, "--resume"]) == 0
    assert f"{stage}: " not in capfd.readouterr().err


def qnas(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """The command as a process, alone with its children in a group, as a terminal starts it."""
    line = [sys.executable, "-m", "qnas", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        line, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("number", "to"),
    [
        pytest.param("SIGINT", "all", marks=pytest.mark.slow),
        ("SIGTERM", "sweep"),
        pytest.param("SIGTERM", "all", marks=pytest.mark.slow),
    ],
)
def test_a_sweep_that_is_stopped_keeps_what_its_points_have(number: str, to: str, tiny: Path) -> None:
    """Ctrl-C reaches the sweep and its points at once, and the sweep then sends its points SIGTERM."""
    long = ("--set", "search.steps=100000", "--set", "search.epochs=20000")
    sweep = qnas("sweep", str(tiny), "--out", "out", *long, folder=tiny.parent)
    point = tiny.parent / "out/seed-0"
    history = point / "search/history.jsonl"
    wait_for(lambda: history.is_file() and history.stat().st_size)
    (os.killpg if to == "all" else os.kill)(sweep.pid, signal.Signals[number])
    _, told = sweep.communicate(timeout=120)
    assert sweep.returncode == 128 + signal.Signals[number]
    assert told.splitlines()[-1] == "interrupted: 0 of 1 points are done; repeat the command to go on"
    assert list(point.glob("search/checkpoint-*.safetensors"))
    log = (tiny.parent / "out/logs/seed-0.txt").read_text().splitlines()
    assert re.match(r"stopped after step \d+ of the search stage, which is kept; go on with: qnas run ", log[-1])
    assert not (point / ".lock").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="who lost its parent keeps its number there")
def test_the_points_of_a_sweep_that_is_killed_keep_what_they_have(tiny: Path) -> None:
    sweep = qnas("sweep", str(tiny), "--out", "out", "--set", "train.steps=100000", folder=tiny.parent)
    point = tiny.parent / "out/seed-0"
    wait_for(lambda: (point / "derive/result.json").is_file() and "train begins" in (point / "run.log").read_text())
    time.sleep(0.3)  # a few steps
    sweep.kill()
    sweep.communicate()
    wait_for(lambda: not (point / ".lock").exists())
    assert list(point.glob("train/checkpoint-*.safetensors"))


def test_twice_leaves_at_once_and_keeps_what_was_kept_before(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tiny.parent / "out"
    arguments = ["run", str(tiny), "--out", str(out), "--checkpoint-every", "0"]
    with listening(Signalling(signal.SIGINT, "search", 5, times=2)):
        assert invoke(arguments) == 130
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith("stopped; go on with: qnas run ")
    assert last.endswith(" --checkpoint-every 0 --resume")
    assert invoke([*arguments, "--resume", "--until", "search"]) == 0
    assert "search: goes on after step 4 of 6" in capfd.readouterr().err
    steps = [json.loads(line)["step"] for line in (out / "search/history.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6]


def test_while_networks_are_judged_the_search_is_kept(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class WhileJudging:
        @hookimpl
        def qnas_step(self, step: int, metrics: dict[str, object]) -> None:
            if "judged" in metrics and step == 1:
                signal.raise_signal(signal.SIGTERM)

    out = tiny.parent / "out"
    options = ["--until", "search", "--set", "limits.bitops=60M", "--set", "search.tuning=2"]
    arguments = ["run", str(tiny), "--out", str(out), *options]
    with listening(WhileJudging()):
        assert invoke(arguments) == 143
    *_, last = capfd.readouterr().err.splitlines()
    assert last.startswith("stopped at the end of the search stage, with what was kept after step 6; go on with: ")
    assert invoke([*arguments, "--resume"]) == 0
    assert "search: goes on after step 6 of 6" in capfd.readouterr().err
    whole = tiny.parent / "whole"
    assert invoke(["run", str(tiny), "--out", str(whole), *options]) == 0
    ours, theirs = (json.loads((run / "search/result.json").read_text()) for run in (out, whole))
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
    assert (out / "search/supernet.safetensors").read_bytes() == (whole / "search/supernet.safetensors").read_bytes()


def test_where_nothing_was_begun_there_is_nothing_to_resume(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with listening(Signalling(signal.SIGTERM, "data", 0)):
        assert invoke(["run", str(tiny), "--out", str(tiny.parent / "out")]) == 143
    *_, last = capfd.readouterr().err.splitlines()
    assert last == f"stopped; go on with: qnas run {tiny} --out {tiny.parent / 'out'}"
    assert sorted(path.name for path in tiny.parent.iterdir()) == [tiny.name]


def test_a_stage_that_keeps_nothing_ends_at_once(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tiny.parent / "out"
    with listening(Signalling(signal.SIGTERM, "evaluate", 1)):
        assert invoke(["run", str(tiny), "--out", str(out)]) == 143
    assert invoke(["run", str(tiny), "--out", str(out), "--resume", "--until", "evaluate"]) == 0
    assert "train: " not in capfd.readouterr().err.split("go on with")[1]


def test_a_disk_that_gets_full_leaves_a_run_that_goes_on(tiny: Path, capfd, monkeypatch: pytest.MonkeyPatch) -> None:
    out, written = tiny.parent / "out", []
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(".checkpoint"):
            written.append(path)
            if len(written) == 4:
                write(path, content[:1000])
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    arguments = ["run", str(tiny), "--out", str(out), "--until", "search", "--checkpoint-every", "0"]
    assert invoke(arguments) == 2
    *_, last = capfd.readouterr().err.splitlines()
    checkpoint = out / "search/checkpoint-1.safetensors"
    assert last.startswith(f"{checkpoint}: the disk is full; free some space and run again, with --resume")
    monkeypatch.undo()
    assert invoke([*arguments, "--resume"]) == 0
    assert "search: goes on after step 3 of 6" in capfd.readouterr().err
