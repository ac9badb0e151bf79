"""The status of points before anything runs, and how long a sweep will take."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.sweep.progress import Progress
from qnas.core.sweep.runner import Command
from qnas.core.sweep.status import begin_statuses, seconds_left

from .conftest import Points, run

DONE = "finish()"


def test_what_was_done_and_what_was_begun_is_known_again(points: Points, stand_in: Callable[[str], Command]) -> None:
    planned = points(seeds=3)
    run(begin_statuses(planned[:2], Path("out")), 2, command=stand_in(DONE))
    (Path("out/seed-1/train/result.json")).unlink()
    (Path("out/seed-1/report/result.json")).unlink()
    done, begun, new = begin_statuses(planned, Path("out"))
    assert (done.state, done.seconds, done.result["test"]["leaves"]["psnr_y"]) == ("done", 3.5, 30.5)
    assert (begun.state, begun.has_begun, begun.ended_before) == ("waiting", True, 6)
    assert (new.state, new.has_begun, new.ended_before) == ("waiting", False, 0)


def test_a_point_whose_spec_has_changed_is_refused(points: Points, stand_in: Callable[[str], Command]) -> None:
    run(begin_statuses(points("scale=2,3"), Path("out")), 2, command=stand_in(DONE))
    assert [status.state for status in begin_statuses(points("scale=3,4,2"), Path("out"))] == [
        "done",
        "waiting",
        "done",
    ]
    told = r"^out/scale=2/seed-0: the spec is not the one .*: train\.steps was 6 and is 7; choose another .*--out"
    with pytest.raises(InputError, match=told):
        begin_statuses(points("scale=2", sets=["train.steps=7"]), Path("out"))


def test_a_folder_without_a_run_is_in_the_way(points: Points) -> None:
    Path("out/seed-0").mkdir(parents=True)
    with pytest.raises(InputError, match=r"^out/seed-0: is in the way: it is not a run"):
        begin_statuses(points(), Path("out"))


def test_a_result_that_is_damaged_is_told(points: Points, stand_in: Callable[[str], Command]) -> None:
    run(begin_statuses(points(), Path("out")), 1, command=stand_in(DONE))
    Path("out/seed-0/result.json").write_text('{"test": ')
    with pytest.raises(InputError, match=r"^out/seed-0/result\.json: is damaged"):
        begin_statuses(points(), Path("out"))
    shutil.rmtree("out/seed-0")
    assert begin_statuses(points(), Path("out"))[0].state == "waiting"


def test_the_time_left_is_that_of_the_steps_that_are_left(points: Points) -> None:
    statuses = begin_statuses(points(seeds=4), Path("out"))  # of 12 steps each
    assert seconds_left(statuses, 5.0) is None
    first, second, *_ = statuses
    first.state = "running"
    first.progress = Progress("search", 0, 6)
    assert seconds_left(statuses, 5.0) is None
    first.progress = Progress("search", 3, 6)
    assert seconds_left(statuses, 5.0) == pytest.approx(5 / 3 * (9 + 3 * 12))
    first.progress = Progress("train", 2, 6)
    assert seconds_left(statuses, 8.0) == pytest.approx(8 / 8 * (4 + 3 * 12))
    first.progress = Progress("evaluate", 1, 0)
    assert seconds_left(statuses, 12.0) == pytest.approx(3 * 12)
    second.ended_before = 6  # which cost no time in this sweep
    assert seconds_left(statuses, 12.0) == pytest.approx(6 + 2 * 12)
    for status in statuses:
        status.state = "failed"
    assert seconds_left(statuses, 12.0) == 0
