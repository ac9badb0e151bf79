"""The progress file of a point's run."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qnas.core.files.folder import RunFolder
from qnas.core.registry import hookimpl, listening
from qnas.core.run.resuming.stop import Interrupted, stop_on_signals
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec
from qnas.core.sweep.progress import Progress, ProgressFile, read_progress


def test_a_run_tells_its_stage_and_steps(tmp_path: Path) -> None:
    told = ProgressFile(tmp_path / "progress")
    told.qnas_stage_began("search", 6)
    assert read_progress(tmp_path / "progress", Progress()) == Progress("search", 0, 6)
    told.qnas_step("search", 1, {})
    assert read_progress(tmp_path / "progress", Progress()).step == 0  # it was told just now
    told._written = 0.0
    told.qnas_step("search", 2, {})
    assert read_progress(tmp_path / "progress", Progress()) == Progress("search", 2, 6)
    told._written = 0.0
    told.qnas_step("data", 3, {"of": 12})
    assert read_progress(tmp_path / "progress", Progress()) == Progress("data", 3, 12)


@pytest.mark.parametrize("text", [None, "", '["sea', "3", "[1, 2, 3, 4]"])
def test_what_can_not_be_read_yet_changes_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "progress").write_text(text)
    assert read_progress(tmp_path / "progress", Progress("train", 4, 5)) == Progress("train", 4, 5)


class Orphaning:
    """Makes the sweep disappear once the search has taken two steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if (stage, step) == ("search", 2):
            self._monkeypatch.setattr(os, "getppid", lambda: 1)


def test_a_run_keeps_its_state_and_ends_once_its_sweep_is_gone(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, folder = ProgressFile(tiny.parent / "progress"), RunFolder(tiny.parent / "out")
    with (
        listening(told),
        listening(Orphaning(monkeypatch)),
        stop_on_signals() as stop,
        pytest.raises(Interrupted, match=r"stopped after step [23] of the search stage, which is kept"),
    ):
        run_spec(load_spec(tiny), folder, stop=stop)
    assert folder.has("search/checkpoint-0.safetensors")


CHILD = """
import sys, time, pathlib
from qnas.core.sweep.progress import ProgressFile
progress = ProgressFile(pathlib.Path("progress"))
print("up", flush=True)
while True:
    progress.qnas_step("train", 1, {})
    time.sleep(0.01)
"""
PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]]).wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="who lost its parent keeps its number there")
def test_no_orphan_is_left_when_the_sweep_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, CHILD]
    parent = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    began = time.monotonic()
    assert parent.stdout.read() == b""  # ends once no process can write to it any more
    assert time.monotonic() - began < 5
    parent.wait()
