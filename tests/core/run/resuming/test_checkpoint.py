"""Checkpoints on the disk: there are two, only whole ones are used, and they cost little time."""

import contextlib
import errno
import os
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically
from qnas.core.files.folder import RunFolder
from qnas.core.files.state import from_bytes, to_bytes
from qnas.core.run.resuming.checkpoint import CheckpointPolicy, StageCheckpoints
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.journal import Journal

FILES = ("checkpoint-0.safetensors", "checkpoint-1.safetensors")
SPEC = """\
name: one
seed: 0
data: {train: {name: photos}}
train: {on_divergence: stop}
"""


class Counting:
    """A loop that adds up random numbers."""

    def __init__(self, size: int = 3) -> None:
        self.total = torch.zeros(size)
        self.asked = 0

    def advance(self) -> None:
        self.total += torch.rand(1) + random.random()

    def state_dict(self):
        self.asked += 1
        return {"total": self.total}

    def load_state_dict(self, state) -> None:
        self.total.copy_(state["total"])


def run_in(path: Path, spec: str = SPEC) -> RunFolder:
    """The folder of a run that has its spec."""
    folder = RunFolder(path)
    folder.write_text("spec.yaml", spec)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_in(tmp_path / "run")


def begun(folder: RunFolder, every: float = 0, stop: Stop | None = None) -> StageCheckpoints:
    """The checkpoints of the search as the stage finds them when it begins."""
    checkpoints = StageCheckpoints(Journal(folder, "search"), CheckpointPolicy(every, stop or Stop()))
    checkpoints.begin()
    return checkpoints


def count(folder: RunFolder, steps: int, checkpoints: Checkpoints | None = None, loop: Counting | None = None):
    """Count to ``steps`` from the last checkpoint, with one record a step."""
    checkpoints, loop = checkpoints or begun(folder), loop or Counting()
    random.seed(0), torch.manual_seed(0)
    before = checkpoints.restore(loop)
    for step in range(before + 1, steps + 1):
        loop.advance()
        folder.append_history("search", {"step": step})
        checkpoints.keep(step, loop)
    return before, loop.total


def damage(folder: RunFolder, file: str) -> None:
    path = folder.path / "search" / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in (folder.path / "search").iterdir())


def steps_of(folder: RunFolder) -> list[int]:
    return [record["step"] for record in folder.history("search")]


def test_it_goes_on_after_the_last_step_and_ends_the_same(folder, tmp_path):
    _, whole = count(run_in(tmp_path / "whole"), 9)
    for steps, before in ((4, 0), (7, 4), (9, 7)):
        went_on, total = count(folder, steps)
        assert went_on == before
    assert torch.equal(total, whole)
    assert steps_of(folder) == list(range(1, 10))
    assert names(folder) == [*FILES, "history.jsonl"]


def test_what_was_recorded_after_the_checkpoint_is_taken_back(folder):
    count(folder, 4)
    for step in (5, 6):
        folder.append_history("search", {"step": step})
    with (folder.path / "search/history.jsonl").open("a") as history:
        history.write('{"step": 7, "psn')  # a torn line
    checkpoints = begun(folder)
    assert checkpoints.step == 4
    assert steps_of(folder) == [1, 2, 3, 4]


def test_without_a_checkpoint_the_history_begins_anew(folder):
    folder.begin_history("search")
    folder.append_history("search", {"step": 1})
    checkpoints = begun(folder)
    assert (checkpoints.step, steps_of(folder)) == (0, [])
    assert checkpoints.restore(Counting()) == 0


@pytest.mark.parametrize("steps", [4, 5])
def test_a_damaged_one_is_named_and_the_one_before_is_used(folder, tmp_path, steps):
    _, whole = count(run_in(tmp_path / "whole"), 9)
    count(folder, steps)
    newest = FILES[(steps - 1) % 2]
    damage(folder, newest)
    with pytest.warns(UserWarning, match=rf"search/{newest}: its checksum is wrong; it is not used"):
        before, total = count(folder, 9)
    assert before == steps - 1
    assert torch.equal(total, whole)
    assert steps_of(folder) == list(range(1, 10))


def test_if_the_older_one_is_damaged_the_newest_is_used(folder):
    count(folder, 4)
    damage(folder, FILES[0])
    with pytest.warns(UserWarning, match=FILES[0]):
        assert count(folder, 4)[0] == 4


def test_if_both_are_damaged_the_stage_begins_anew(folder):
    count(folder, 4)
    for file in FILES:
        damage(folder, file)
    with pytest.warns(UserWarning) as warned:
        assert count(folder, 2)[0] == 0
    assert len(warned) == 2
    assert steps_of(folder) == [1, 2]


def test_one_that_is_ahead_of_the_history_is_not_used(folder):
    """A power cut can lose what was recorded but not yet on the disk."""
    count(folder, 4)
    folder.cut_history("search", len('{"step": 1}\n') * 3)
    with pytest.warns(UserWarning, match=f"{FILES[1]}: the stage's history is shorter than it was then"):
        assert count(folder, 4)[0] == 3


MISSING = "(missing)"
ODD = [
    *({field: MISSING} for field in ("run", "number", "step", "seconds", "loop", "generators", "history")),
    *({field: "3"} for field in ("number", "step", "seconds", "loop", "generators", "history")),
    *({field: -5} for field in ("number", "step", "seconds", "history")),
    {"number": True},
    {"step": 2.0},
    {"seconds": float("nan")},
    {"history": None},
    {"loop": [1]},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(f"{key} {value}" for key, value in odd.items()))
def test_odd_content_is_damage_though_the_checksum_is_right(folder, tmp_path, odd):
    _, whole = count(run_in(tmp_path / "whole"), 9)
    count(folder, 4)
    path = folder.path / "search" / FILES[1]
    state = {**from_bytes(path.read_bytes()), **odd}
    path.write_bytes(to_bytes({key: value for key, value in state.items() if value is not MISSING}))
    (field,) = odd
    with pytest.warns(UserWarning, match=rf"{FILES[1]}: it is no state of a stage: .*{field}: .*; it is not used"):
        before, total = count(folder, 9)
    assert before == 3
    assert torch.equal(total, whole)


@pytest.mark.parametrize(
    "change", [("seed: 0", "seed: 1"), ("photos", "dead-leaves"), ("name: one\n", "name: one\nscale: 3\n")], ids=str
)
def test_one_of_another_run_is_not_used_though_it_would_fit(folder, tmp_path, change):
    other = run_in(tmp_path / "other", SPEC.replace(*change))
    count(other, 6)
    count(folder, 3)
    shutil.copy(other.path / "search" / FILES[1], folder.path / "search")
    shutil.copy(other.path / "search/history.jsonl", folder.path / "search")
    with pytest.warns(UserWarning, match=rf"{FILES[1]}: it is of another run than spec.yaml says; it is not used"):
        assert count(folder, 3)[0] == 3


@pytest.mark.parametrize("change", [("name: one", "name: two"), ("stop", "lower-rate"), (": {", ":  {")], ids=str)
def test_what_decides_nothing_may_be_another(folder, change):
    count(folder, 4)
    folder.write_text("spec.yaml", SPEC.replace(*change))
    with warnings.catch_warnings(action="error"):
        assert count(folder, 4)[0] == 4


def test_one_of_another_version_is_refused_in_one_line_that_names_it(folder):
    count(folder, 3)
    with pytest.raises(InputError, match=rf"the checkpoint .*{FILES[0]} is of another version, remove it to begin"):
        begun(folder).restore(Counting(size=5))


def test_a_write_that_is_torn_leaves_the_last_one(folder, monkeypatch):
    count(folder, 4)
    monkeypatch.setattr(os, "replace", lambda *_: os._exit(3))  # as after a kill before the new one is renamed
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException):
            count(folder, 5)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
    monkeypatch.undo()
    assert len(names(folder)) == 4  # half a file is there
    folder.clear_asides()
    assert names(folder) == [*FILES, "history.jsonl"]
    with warnings.catch_warnings(action="error"):
        assert count(folder, 5)[0] == 4


def test_a_full_disk_leaves_the_last_one(folder, monkeypatch):
    count(folder, 4)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    checkpoints, loop = begun(folder), Counting()
    checkpoints.restore(loop)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoints.keep(5, loop)
    assert caught.value.filename == str(folder.path / "search" / FILES[0])
    monkeypatch.undo()
    assert names(folder) == [*FILES, "history.jsonl"]
    with warnings.catch_warnings(action="error"):
        assert count(folder, 5)[0] == 4


WITH_A_DISK = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
"""For a shell with its own mounts, which end with it: a disk of 1 MB, and a command that sees it."""


def test_a_disk_that_is_really_full_leaves_the_last_one(tmp_path):
    own_mounts = (["unshare", "-rm"], ["unshare", "-m"])  # as the root of a name space of one's own, or as root
    lines = [[*own, "sh", "-c", WITH_A_DISK, str(tmp_path)] for own in own_mounts]
    line = next((line for line in lines if shutil.which("unshare") and is_done([*line, "true"])), None)
    if line is None:
        pytest.skip("no file system can be mounted here")
    code = "import sys, pathlib, test_checkpoint; test_checkpoint.fill_up(pathlib.Path(sys.argv[1]))"
    assert is_done([*line, sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent)
    assert not list(tmp_path.iterdir())  # it was a different disk


def is_done(line: list[str], cwd: Path | None = None) -> bool:
    done = subprocess.run(line, check=False, capture_output=True, text=True, cwd=cwd)
    print(done.stderr)
    return done.returncode == 0


def fill_up(disk: Path) -> None:
    folder = run_in(disk / "run")
    count(folder, 2, loop=Counting(50_000))  # two of 200 kB
    filler = disk / "other"
    with contextlib.suppress(OSError), filler.open("wb") as stream:
        for _ in range(1000):
            stream.write(b"x" * 10_000)
    with pytest.raises(OSError, match="No space left") as caught:
        count(folder, 4, loop=Counting(50_000))
    assert caught.value.filename.startswith(str(folder.path / "search"))
    filler.unlink()
    with warnings.catch_warnings(action="error"):
        assert count(folder, 4, loop=Counting(50_000))[0] == 2
    assert steps_of(folder) == [1, 2, 3, 4]


class Clock:
    """A clock that only moves when set."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("qnas.core.run.resuming.checkpoint.time.monotonic", lambda: self.now)


def kept_at(folder, monkeypatch, every: float, cost: float, seconds: int) -> list[int]:
    """The times at which checkpoints are written, if each takes this long and a step takes a second."""
    clock = Clock(monkeypatch)
    checkpoints, loop, written = begun(folder, every), Counting(), []
    checkpoints.restore(loop)

    def slow(path, content) -> None:
        written.append(round(clock.now))
        clock.now += cost
        write_atomically(path, content)

    monkeypatch.setattr("qnas.core.files.folder.write_atomically", slow)
    for step in range(1, seconds + 1):
        clock.now += 1
        checkpoints.keep(step, loop)
    assert loop.asked == len(written)  # otherwise, not even the state is asked for
    return written


def test_they_come_as_often_as_was_asked(folder, monkeypatch):
    assert kept_at(folder, monkeypatch, 60, 0, 200) == [60, 120, 180]


def test_they_never_take_more_than_two_percent_of_the_time(folder, monkeypatch):
    written = kept_at(folder, monkeypatch, 60, 10, 3000)
    assert written == [60, 570, 1080, 1590, 2100, 2610]  # 500 seconds of work after each, and its own 10


def test_after_every_step_is_after_every_step(folder, monkeypatch):
    assert len(kept_at(folder, monkeypatch, 0, 10, 20)) == 20


def test_one_that_is_asked_to_stop_keeps_its_state_first(folder, monkeypatch):
    stop = Stop()
    checkpoints, loop = begun(folder, 1e9, stop), Counting()
    assert not stop.is_heeded
    checkpoints.restore(loop)
    assert stop.is_heeded
    checkpoints.keep(1, loop)
    assert loop.asked == 0
    stop.ask(15)
    with pytest.raises(Interrupted, match="stopped after step 2 of the search stage, which is kept") as caught:
        checkpoints.keep(2, loop)
    assert caught.value.exit_code == 143
    assert begun(folder).step == 2


def test_the_seconds_of_a_stage_go_on_too(folder, monkeypatch):
    clock = Clock(monkeypatch)
    checkpoints, loop = begun(folder), Counting()
    checkpoints.restore(loop)
    clock.now = 30
    checkpoints.keep(1, loop)
    clock.now = 50  # for nothing
    again = begun(folder)
    clock.now = 55
    assert again.seconds == 35


def test_they_are_removed_when_the_stage_has_its_result(folder):
    checkpoints = begun(folder)
    count(folder, 3, checkpoints)
    checkpoints.remove()
    assert names(folder) == ["history.jsonl"]


def test_where_nothing_is_kept_the_loop_begins_anew():
    loop = Counting()
    assert Checkpoints().restore(loop) == 0
    Checkpoints().keep(1, loop)
    assert loop.asked == 0


def test_work_that_is_done_again_heeds_a_stop_and_keeps_what_was_kept(folder):
    stop = Stop()
    checkpoints = begun(folder, stop=stop)
    checkpoints.restore(Counting())
    checkpoints.heed()
    checkpoints.keep(1, Counting())
    stop.ask(15)
    with pytest.raises(Interrupted, match="stopped at the end of the search stage, with what was kept after step 1"):
        checkpoints.heed()
    assert begun(folder).step == 1
