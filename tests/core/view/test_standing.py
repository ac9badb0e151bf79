"""How a run stands, by its folder, its log and its sweep."""

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.files.exclusive import FILE, HOLDER, STAND_IN, exclusive, holder_of
from qnas.core.files.folder import RunFolder
from qnas.core.registry import Events
from qnas.core.run.log import Logged, logged, read_log
from qnas.core.sweep.job import Job
from qnas.core.sweep.status import Status, read_statuses
from qnas.core.view.standing import Standing, standing_of

from ...synthetic_runs import SweepFolder, write_run

UNFINISHED = {"result.json": None, "report/result.json": None, "report.html": None}


def in_log(folder: RunFolder, *, step: int, failure: Exception | None = None) -> None:
    """Write a log as a run that got so far does."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with logged(folder, ["qnas", "run"]) as log:
        log.begin()
        events = Events()
        events.tell("qnas_stage_began", folder=folder, stage="train", steps=200)
        if step:
            events.tell("qnas_step", folder=folder, stage="train", step=step, metrics={"psnr": 27.5, "loss": 0.1})
        if failure is not None:
            raise failure


def test_what_a_run_logs_is_read_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert read_log(folder) == Logged()
    in_log(folder, step=0)
    assert read_log(folder) == Logged("train", 0, 200)
    in_log(folder, step=40)
    assert read_log(folder) == Logged("train", 40, 200)
    with pytest.raises(InputError):
        in_log(folder, step=60, failure=InputError("the loss is not finite"))
    assert read_log(folder) == Logged("train", 60, 200, "the loss is not finite")
    in_log(folder, step=0)  # it is resumed
    assert read_log(folder).failure == ""


def test_a_log_that_resumes_says_where(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with logged(folder, []) as log:
        log.begin()
        Events().tell("qnas_stage_began", folder=folder, stage="search", steps=10)
        Events().tell("qnas_stage_resumed", folder=folder, stage="search", step=7)
        logging.getLogger("qnas.run").info("search begins: %s steps, or so", 5)
    assert read_log(folder) == Logged("search", 7, 10)


def test_a_damaged_log_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_bytes(b"\xff\xfe2026")
    assert read_log(RunFolder(tmp_path)) == Logged()


def test_a_run_is_done_failed_stopped_or_under_way(tmp_path: Path) -> None:
    assert standing_of(RunFolder(write_run(tmp_path / "done"))) == Standing("done")
    folder = RunFolder(write_run(tmp_path / "run", files=UNFINISHED))
    assert standing_of(folder) == Standing("stopped")
    in_log(folder, step=40)
    assert standing_of(folder) == Standing("stopped", "train", 40, 200)
    with exclusive(folder.path):
        assert standing_of(folder) == Standing("under way", "train", 40, 200)
    with pytest.raises(InputError):
        in_log(folder, step=0, failure=InputError("no"))
    assert standing_of(folder) == Standing("failed", "train", 0, 200, "no")


@pytest.fixture
def point(tmp_path: Path) -> Status:
    """The point of a sweep that nobody follows; nothing of it has begun."""
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.add(None, {"train.steps": 200}, 0, run=False)
    (status,) = read_statuses(sweep.finish())
    status.log.parent.mkdir(parents=True)
    return status


def test_a_point_of_a_sweep_waits_runs_and_fails(point: Status) -> None:
    assert standing_of(point.folder, point) == Standing("waiting")
    point.job_file.parent.mkdir(parents=True, exist_ok=True)
    Job("local", "1", "failed", "the images are gone").write(point.job_file)
    assert standing_of(point.folder, point) == Standing("failed", reason="the images are gone")
    write_run(point.folder.path, files=UNFINISHED)
    Job("local", "1", "running").write(point.job_file)
    point.progress_file.write_text(json.dumps(["search", 12, 100]))
    assert standing_of(point.folder, point, True) == Standing("under way", "search", 12, 100)
    assert standing_of(point.folder, point, False).state == "stopped"  # killed with the process that followed it
    Job("local", "1", "queued").write(point.job_file)
    assert standing_of(point.folder, point, True).state == "waiting"


def test_a_damaged_file_of_a_job_fails_its_point_alone(point: Status) -> None:
    point.job_file.parent.mkdir(parents=True, exist_ok=True)
    point.job_file.write_text("[")
    standing = standing_of(point.folder, point)
    assert standing.state == "failed" and "is damaged" in standing.reason


HOLD = """
import signal, sys
from pathlib import Path
from qnas.core.files.exclusive import exclusive
with exclusive(Path(sys.argv[1])):
    print("in", flush=True)
    signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="locks of Windows can't be looked at")
def test_looking_at_a_lock_writes_nothing_and_hinders_nobody(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"in\n"
        before = {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
        holder = holder_of(tmp_path)
        assert holder is not None and holder.process == process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert holder_of(tmp_path) is None
    assert {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())} == before
    with exclusive(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks of Windows can't be looked at")
def test_where_there_are_no_locks_a_process_that_is_gone_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / STAND_IN).write_text("")
    assert holder_of(tmp_path) is not None  # whose is not known
    with exclusive(tmp_path):
        (tmp_path / FILE).rename(tmp_path / "away")
        assert holder_of(tmp_path) is not None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / HOLDER).write_text(json.dumps([gone.pid, os.uname().nodename, "2026"]))
    assert holder_of(tmp_path) is None
    (tmp_path / HOLDER).write_text(json.dumps([gone.pid, "elsewhere", "2026"]))
    assert holder_of(tmp_path) is not None
