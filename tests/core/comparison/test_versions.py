"""Runs of earlier versions beside current ones: fields that they lack have the values of then."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from qnas.core.comparison import Comparison, compare_runs, find_runs
from qnas.quantizers.lsq import LSQ

from ...synthetic_runs import write_run


class Starting(LSQ):
    """A quantizer that has gained a field."""

    earlier_defaults = {1: {"start": "published"}}

    start: Literal["published", "least-error"] = "least-error"


@pytest.fixture(autouse=True)
def starting(registered: Callable[..., str]) -> None:
    registered(Starting)


def comparison(folder: Path) -> Comparison:
    return compare_runs(find_runs([folder]))


def write(folder: Path, **quantizer: str) -> None:
    fields = {"quantizer.train": {"name": "starting", **quantizer}, "seed": len(quantizer)}
    write_run(folder, fields={**fields, **({"version": 2} if quantizer else {})})


def test_an_older_run_is_one_group_with_those_that_have_what_it_had(tmp_path: Path) -> None:
    write(tmp_path / "before")
    write(tmp_path / "after", start="published")
    (group,) = comparison(tmp_path).groups
    assert group.seeds == [0, 1]


def test_an_older_run_is_another_group_than_those_that_have_what_came_later(tmp_path: Path) -> None:
    write(tmp_path / "before")
    write(tmp_path / "after", start="least-error")
    assert [group.label for group in comparison(tmp_path).groups] == ["after", "before"]


def test_what_is_not_validated_any_more_can_still_be_compared(tmp_path: Path) -> None:
    gone = {"name": "gone", "odd": 1}
    for seed, version in ((0, 1), (1, 2)):
        fields = {"quantizer.train": gone, "seed": seed, "version": version}
        write_run(tmp_path / str(seed), fields=fields)
    write_run(tmp_path / "other", fields={"quantizer.train": {**gone, "odd": 2}})
    assert sorted(len(group.runs) for group in comparison(tmp_path).groups) == [1, 2]


def test_a_reduction_that_an_old_run_does_not_name_was_pillows(tmp_path: Path) -> None:
    images = {"data.train": {"name": "folder", "path": "images"}, "quantizer.train.start": "published"}
    write_run(tmp_path / "old", fields=images)
    for seed, reduction in ((1, "pillow"), (2, "matlab")):
        fields = {**images, "version": 2, "seed": seed, "data.degradation": reduction}
        write_run(tmp_path / reduction, fields=fields)
    assert sorted(group.seeds for group in comparison(tmp_path).groups) == [[0, 1], [2]]
