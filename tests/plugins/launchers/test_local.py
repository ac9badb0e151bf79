"""The launcher of this machine: which cores and GPUs its runs have."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from qnas.core.components import Launcher, Task
from qnas.plugins.launchers.process import ProcessName


def task(folder: Path, name: str, code: str) -> Task:
    line = (sys.executable, "-S", "-c", code)
    files = (folder / f"{name}.yaml", folder / f"{name}.txt", folder / f"{name}.progress")
    return Task(name, line, line, folder / name, folder / name / "spec.yaml", *files)


def printed(launcher: Launcher, folder: Path, names: Sequence[str], what: str) -> list[str]:
    """What runs print that are under way at the same time."""
    code = f"import os, time; print({what}, flush=True); time.sleep(0.5)"
    with contextlib.closing(launcher.connect(folder)) as engine:
        jobs = engine.submit([task(folder, name, code) for name in names])
        while any(state.state != "ended" for state in engine.poll(jobs)):
            time.sleep(0.05)
    return [(folder / f"{name}.txt").read_text().splitlines()[1] for name in names]


def test_gpus_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, GPU-b,6")
    what = "os.environ['CUDA_VISIBLE_DEVICES']"
    three, two = (Launcher.of({"name": "local", "jobs": 3, "gpus": gpus}) for gpus in (None, 2))
    assert sorted(printed(three, tmp_path, "abc", what)) == ["4", "6", "GPU-b"]
    assert sorted(printed(two, tmp_path, "def", what)) == ["4", "4", "GPU-b"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores can't be chosen here")
def test_a_run_that_is_pinned_has_cores_of_its_own(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    launcher = Launcher.of({"name": "local", "jobs": len(cores), "pin": True})
    code = "(time.sleep(0.2), *sorted(os.sched_getaffinity(0)))[1:]"
    assert sorted(printed(launcher, tmp_path, "abcdefgh"[: len(cores)], code)) == sorted(f"({c},)" for c in cores[:8])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="knows only processes of Linux")
def test_a_process_is_known_by_its_id_and_its_start() -> None:
    mine = ProcessName.of(os.getpid())
    assert ProcessName.read(str(mine)) == mine
    assert mine.is_alive
    assert not mine._replace(start="1").is_alive
    assert not mine._replace(host="elsewhere").is_alive
    assert ProcessName.read("no such job") is None
