"""Points of the tiny spec, and a stand-in for the process that runs one."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qnas.core.components import Launcher
from qnas.core.spec import Assignment
from qnas.core.sweep.plan import Point, plan_points
from qnas.core.sweep.runner import Command, qnas_run, run_points
from qnas.core.sweep.status import Status
from qnas.core.sweep.sweep_file import read_sweep

Points = Callable[..., list[Point]]


@pytest.fixture
def points(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Points:
    """The points of the tiny spec, or of a sweep file with this text, as the command plans them."""
    monkeypatch.chdir(tiny.parent)

    def plan(*vary: str, text: str = "", sets: Sequence[str] = (), seeds: int | None = None) -> list[Point]:
        path = Path("spec.yaml")
        if text:
            path = Path("sweep.yaml")
            path.write_text(text)
        varied = [Assignment.read(value, "--vary", "a=1,2", "[{}]") for value in vary]
        return plan_points(read_sweep(path).varied(varied).seeded(seeds), sets)

    return plan


STAND_IN = """
import json, os, pathlib, shutil, signal, sys, time
spec, out, progress = map(pathlib.Path, sys.argv[1:4])
resumed = sys.argv[4] == "True"
def finish():
    if not resumed:
        out.mkdir(parents=True)
        shutil.copy(spec, out / "spec.yaml")
    for stage in ("search", "derive", "train", "evaluate", "report"):
        (out / stage).mkdir(exist_ok=True)
        (out / stage / "result.json").write_text("{}")
    scores = {"test": {"leaves": {"psnr_y": 30.5}}, "bitops": {"32x32": 2e9}, "seconds": {"search": 1.5, "train": 2}}
    (out / "result.json").write_text(json.dumps(scores))
"""


@pytest.fixture
def stand_in() -> Callable[[str], Command]:
    """A command that runs Python code instead of a point's run; ``finish()`` writes a finished run."""

    def command(code: str) -> Command:
        def line(spec: Path, out: Path, progress: Path, resume: bool) -> list[str]:
            return [sys.executable, "-S", "-c", STAND_IN + code, *map(str, (spec, out, progress, resume))]

        return line

    return command


def run(
    statuses: Sequence[Status],
    jobs: int,
    report: Callable[[], None] = lambda: None,
    command: Command = qnas_run,
    launcher: str = "local",
) -> None:
    """Run points by a launcher, into the folder ``out``."""
    made = Launcher.of({"name": launcher, "jobs": jobs})
    with contextlib.closing(made.connect(Path("out"))) as engine:
        run_points(statuses, made, engine, report, command)
