"""sweep.json, and the lock of a sweep's folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qnas.core.errors import InputError
from qnas.core.files.exclusive import exclusive
from qnas.core.settings import SPEC_VERSION, as_of
from qnas.core.sweep.index import INDEX, sweep_version, write_index

from .conftest import Points


def listed(folder: Path) -> list[dict[str, Any]]:
    index = json.loads((folder / INDEX).read_text())
    assert index["format"] == 1
    points: list[dict[str, Any]] = index["points"]
    return points


def test_it_lists_every_point(points: Points, tmp_path: Path) -> None:
    write_index(tmp_path, points("space.bits=[4],[4,8]", sets=["seed=3"]))
    others = {"variant": None, "seed": 3, "steps": dict(points()[0].steps)}
    assert listed(tmp_path) == [
        {"folder": "bits=4/seed-3", "values": {"space.bits": [4]}, **others},
        {"folder": "bits=4-8/seed-3", "values": {"space.bits": [4, 8]}, **others},
    ]


def test_it_keeps_what_an_earlier_plan_began(points: Points, tmp_path: Path) -> None:
    write_index(tmp_path, points("scale=2,3"))
    (tmp_path / "scale=2/seed-0").mkdir(parents=True)
    write_index(tmp_path, points("scale=4"))
    assert [point["folder"] for point in listed(tmp_path)] == ["scale=2/seed-0", "scale=4/seed-0"]
    write_index(tmp_path, points("scale=2,4"))
    assert [point["folder"] for point in listed(tmp_path)] == ["scale=2/seed-0", "scale=4/seed-0"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is damaged: "),
        ('{"format": 2}', "has format 2, not 1"),
        ('{"format": 1}', "is damaged: points: Field required"),
        ('{"format": 1, "version": 99, "points": []}', "is damaged: version: Input should be less than or equal to"),
        ('{"format": 1, "points": [{"folder": 3}]}', "is damaged: points.0.folder: Input should be a valid string"),
    ],
)
def test_one_that_can_not_be_read_is_told_and_left_alone(points: Points, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(InputError) as caught:
        write_index(tmp_path, points())
    assert str(caught.value).startswith(f"{tmp_path / INDEX}: {told}")
    assert (tmp_path / INDEX).read_text() == text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_a_folder_is_swept_by_one_process_at_a_time(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from qnas.core.files.exclusive import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1])): pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with exclusive(tmp_path):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr.endswith("is at work in this folder\n")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    with pytest.raises(BlockingIOError), exclusive(tmp_path):
        raise BlockingIOError  # not the lock's


def test_a_sweep_keeps_the_version_that_it_began_with(points: Points, tmp_path: Path) -> None:
    assert sweep_version(tmp_path) == SPEC_VERSION
    (tmp_path / INDEX).write_text('{"format": 1, "points": []}')  # as the first sweeps were listed
    assert sweep_version(tmp_path) == 1
    with as_of(sweep_version(tmp_path)):
        planned = points("space.bits=[4],[4,8]")
        assert {point.spec.version for point in planned} == {1}
        write_index(tmp_path, planned)
    assert sweep_version(tmp_path) == 1
    (tmp_path / INDEX).unlink()
    write_index(tmp_path, points("space.bits=[4],[4,8]"))
    assert sweep_version(tmp_path) == SPEC_VERSION


def test_a_version_that_is_set_is_that_of_the_points(points: Points) -> None:
    assert [point.spec.version for point in points("version=1,2")] == [1, 2]
    assert {point.spec.version for point in points("scale=2,3", sets=["version=1"])} == {1}
