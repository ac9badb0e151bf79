"""Running points: with a stand-in for their processes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas.core.run.resuming.stop import Interrupted
from qnas.core.spec import load_spec
from qnas.core.sweep.progress import Progress
from qnas.core.sweep.runner import Command, qnas_run
from qnas.core.sweep.status import Status, begin_statuses

from .conftest import Points, run

pytestmark = pytest.mark.slow

Code = Callable[[str], Command]


def states(statuses: list[Status]) -> list[str]:
    return [status.state for status in statuses]


def test_every_point_is_run_by_its_spec_into_its_folder(points: Points, stand_in: Code) -> None:
    planned = points("scale=2,3", seeds=2)
    statuses = begin_statuses(planned, Path("out"))
    run(statuses, 2, command=stand_in("finish()"))
    assert states(statuses) == ["done"] * 4
    for point, status in zip(planned, statuses, strict=True):
        assert load_spec(Path("out") / point.folder / "spec.yaml") == point.spec
        assert (status.seconds, status.result["bitops"]) == (3.5, {"32x32": 2e9})


def test_a_failure_stops_no_other_and_is_told_with_its_last_line(points: Points, stand_in: Code) -> None:
    statuses = begin_statuses(points(seeds=5), Path("out"))
    code = """
seed = int(out.name[-1])
if seed == 0: print("search: began\\nspec.yaml:1:2: it is wrong\\n"); sys.exit(2)
if seed == 1: sys.exit(3)
if seed == 2: print("search: began", flush=True); os.kill(os.getpid(), signal.SIGKILL)
if seed == 3: out.mkdir(parents=True); sys.exit(0)
finish()
"""
    run(statuses, 3, command=stand_in(code))
    assert states(statuses) == [*["failed"] * 4, "done"]
    assert [status.reason for status in statuses[:3]] == [
        "spec.yaml:1:2: it is wrong",
        "exit code 3",
        "ended by signal 9, Killed (out of memory?)",
    ]
    assert statuses[3].reason.startswith("out/seed-3/result.json: can't be read")
    assert statuses[0].log == Path("out/logs/seed-0.txt")
    assert statuses[0].log.read_text().splitlines()[-3:] == ["search: began", "spec.yaml:1:2: it is wrong", ""]


def test_what_failed_is_tried_again_and_what_was_begun_is_resumed(points: Points, stand_in: Code) -> None:
    planned = points(seeds=3)
    break_off = """
if out.name == "seed-0": finish(); sys.exit(0)
if out.name == "seed-1": out.mkdir(parents=True); shutil.copy(spec, out / "spec.yaml")
sys.exit(1)
"""
    statuses = begin_statuses(planned, Path("out"))
    run(statuses, 1, command=stand_in(break_off))
    assert states(statuses) == ["done", "failed", "failed"]
    statuses = begin_statuses(planned, Path("out"))
    run(statuses, 1, command=stand_in("print(out.name, resumed); finish()"))
    assert states(statuses) == ["done"] * 3
    logs = [Path(f"out/logs/seed-{seed}.txt").read_text().splitlines() for seed in range(3)]
    assert [sum(line.startswith("$ ") for line in log) for log in logs] == [1, 2, 2]
    assert [log[-1] for log in logs[1:]] == ["seed-1 True", "seed-2 False"]


def test_so_many_run_at_a_time_and_share_the_cores(
    points: Points, stand_in: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    seen: set[int] = set()
    statuses = begin_statuses(points(seeds=5), Path("out"))
    code = "print(os.environ['OMP_NUM_THREADS']); time.sleep(0.3); finish()"

    def share(expected: str) -> None:
        run(statuses, 3, lambda: seen.add(states(statuses).count("running")), stand_in(code))
        assert {status.log.read_text().splitlines()[-1] for status in statuses} == {expected}

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    share("2")  # of 8 cores for 3
    assert max(seen) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    statuses = begin_statuses(points(seeds=1, sets=["seed=9"]), Path("out"))
    share("5")


def test_progress_is_followed(points: Points, stand_in: Code) -> None:
    (status,) = statuses = begin_statuses(points(), Path("out"))
    seen = []
    code = "progress.write_text('[\"train\", 3, 6]'); time.sleep(0.6); finish()"
    run(statuses, 1, lambda: seen.append((status.state, status.progress)), stand_in(code))
    assert seen[0] == ("running", Progress())
    assert ("running", Progress("train", 3, 6)) in seen
    assert seen[-1][0] == "done"


@pytest.mark.parametrize("code", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN); "], ids=["obeys", "does not"])
def test_no_process_outlives_an_interrupted_sweep(
    points: Points, stand_in: Code, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnas.core.sweep.runner._PATIENCE_SECONDS", 0.5)
    statuses = begin_statuses(points(seeds=3), Path("out"))
    code += "pathlib.Path(out.name).write_text(str(os.getpid())); time.sleep(60)"

    def interrupt() -> None:
        if all(Path(f"seed-{seed}").exists() and Path(f"seed-{seed}").read_text() for seed in range(2)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(statuses, 2, interrupt, stand_in(code))
    assert states(statuses) == ["running", "running", "waiting"]
    time.sleep(0.1)
    for seed in range(2):
        with pytest.raises((ProcessLookupError, ChildProcessError)):
            os.waitpid(int(Path(f"seed-{seed}").read_text()), os.WNOHANG)


KEEPING = """
def keep(*_):
    time.sleep(0.5)
    pathlib.Path(f"{out.name}-kept").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, keep)
pathlib.Path(out.name).touch()
while True: time.sleep(0.01)
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(out.name).touch()
while True: time.sleep(0.01)
"""


class Asking:
    """Sends this process signals, one after the other, once a file exists."""

    def __init__(self, file: str, *numbers: int) -> None:
        self.file, self.numbers = Path(file), list(numbers)

    def __call__(self) -> None:
        if self.file.exists() and self.numbers:
            os.kill(os.getpid(), self.numbers.pop(0))
            for index, number in enumerate(self.numbers, 1):
                threading.Timer(0.7 * index, os.kill, (os.getpid(), number)).start()
            self.numbers.clear()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_points_of_a_sweep_that_is_stopped_have_time_to_keep_their_state(
    points: Points, stand_in: Code, number: int, code: int
) -> None:
    statuses = begin_statuses(points(seeds=2), Path("out"))
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        run(statuses, 2, Asking("seed-1", number), stand_in(KEEPING))
    assert caught.value.exit_code == code
    assert Path("seed-0-kept").exists()
    assert Path("seed-1-kept").exists()
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT, signal.SIGINT)])
def test_who_presses_ctrl_c_again_waits_for_no_point(points: Points, stand_in: Code, numbers: tuple[int, ...]) -> None:
    statuses = begin_statuses(points(), Path("out"))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(statuses, 1, Asking("seed-0", *numbers), stand_in(STUBBORN))
    assert time.monotonic() - began < 60  # of the minutes that it would have had


def test_the_command_runs_a_spec_as_the_installed_command_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = qnas_run(Path("a.yaml"), Path("out"), Path("p"), False)
    assert line == [
        *(sys.executable, "-P", "-m", "qnas", "run"),
        *("a.yaml", "--out", "out", "--progress-file", "p"),
    ]
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "-P" not in qnas_run(Path("a.yaml"), Path("out"), Path("p"), False)
    assert qnas_run(Path("a.yaml"), Path("out"), Path("p"), True) == [*[x for x in line if x != "-P"], "--resume"]
