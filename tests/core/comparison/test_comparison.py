"""Comparisons: what is refused, which test set is used, the notes, and the front."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from qnas.core.comparison import Comparison, Figure, compare_runs, find_runs
from qnas.core.comparison.pareto import on_front
from qnas.core.errors import InputError

from ...synthetic_runs import BICUBIC, ENVIRONMENT, IMAGES, SweepFolder, result, scores, write_run

POSITIONS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12)


def comparison(folder: Path, **options: str) -> Comparison:
    return compare_runs(find_runs([folder]), **options)


def judged_on(folder: Path, sets: dict[str, list[str]], psnr: float = 27.5, **changes: float) -> Path:
    """A run that was tested on these sets and images only."""
    test = {name: scores(psnr, changes.get(name, BICUBIC["Set14"])) for name in sets}
    images = {name: {image: scores(psnr, 26) for image in members} for name, members in sets.items()}
    return write_run(
        folder,
        files={"result.json": {**result(psnr, 1e9), "test": test}, "evaluate/result.json": {"images": images}},
        fields={"train.batch": len(folder.name)},
    )


@given(POSITIONS)
def test_the_front_is_what_a_walk_up_the_cost_leaves(positions: list[tuple[int, int]]) -> None:
    best, kept = -1, set()
    for cost in sorted({cost for cost, _ in positions}):
        quality = max(quality for other, quality in positions if other == cost)
        if quality > best:
            best = quality
            kept.add((cost, quality))
    assert on_front(positions) == [position in kept for position in positions]


@given(st.lists(st.floats(20, 40), min_size=2, max_size=9))
def test_a_figure_has_mean_and_sample_deviation(values: list[float]) -> None:
    figure = Figure.of([None, *values])
    assert figure.count == len(values)
    assert figure.mean == pytest.approx(np.mean(values))
    assert figure.spread == pytest.approx(np.std(values, ddof=1), abs=1e-9)


def test_no_figure_has_no_mean() -> None:
    assert Figure.of([None]) == Figure(None, None, 0)


def test_groups_stand_by_series_then_cost_and_know_the_front(tmp_path: Path) -> None:
    for name, psnr, bitops in (("b", 27.0, 3e9), ("a", 27.5, 2e9), ("c", 27.6, 4e9)):
        write_run(tmp_path / name, psnr, bitops, fields={"train.batch": int(bitops / 1e9)})
    made = comparison(tmp_path)
    assert [group.label for group in made.groups] == ["a", "b", "c"]
    assert [group.label for group in made.front] == ["a", "c"]
    assert [group.gain.mean for group in made.groups] == pytest.approx([1.41, 0.91, 1.51])
    assert made.bicubic == pytest.approx(BICUBIC["Set14"])


def test_the_largest_common_test_set_is_taken_or_the_one_that_is_wanted(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    made = comparison(tmp_path)
    assert (made.test, made.images, list(made.tests)) == ("Set14", 14, list(IMAGES))
    made = comparison(tmp_path, test="Set5")
    assert (made.test, made.images, made.groups[0].psnr.mean) == ("Set5", 5, 29.5)


def test_a_set_that_not_all_have_is_not_taken(tmp_path: Path) -> None:
    judged_on(tmp_path / "a", {"Set5": ["x"], "big": ["p", "q"]})
    judged_on(tmp_path / "bb", {"Set5": ["x"]})
    assert comparison(tmp_path).test == "Set5"
    with pytest.raises(InputError, match=r"bb was not judged on 'big' \(but on: Set5\)"):
        comparison(tmp_path, test="big")
    with pytest.raises(InputError, match=r"no run was judged on 'Set6' \(all were on: Set5\)"):
        comparison(tmp_path, test="Set6")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            {"other": ["x"]},
            r"different test sets can't be compared: .*bb was not judged on 'Set5' \(but on: other",
        ),
        ({"Set5": ["x", "y"]}, r"the test sets 'Set5' of .*a and .*bb are not the same: 'y' is only in .*bb"),
    ],
)
def test_runs_of_different_test_sets_are_refused(tmp_path: Path, sets: dict[str, list[str]], message: str) -> None:
    judged_on(tmp_path / "a", {"Set5": ["x"]})
    judged_on(tmp_path / "bb", sets)
    with pytest.raises(InputError, match=message):
        comparison(tmp_path)


def test_the_same_images_made_small_in_another_way_are_refused(tmp_path: Path) -> None:
    judged_on(tmp_path / "a", {"Set5": ["x"]}, Set5=28.43)
    judged_on(tmp_path / "bb", {"Set5": ["x"]}, Set5=28.60)
    with pytest.raises(InputError, match=r"bicubic reaches 28.43 dB and 28.60 dB, so the images or their LR versions"):
        comparison(tmp_path)


def test_runs_of_different_scales_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", fields={"scale": 2})
    with pytest.raises(InputError, match=r"different scales can't be compared: scale 4 in .*a, scale 2 in .*b$"):
        comparison(tmp_path)


def test_a_run_that_lacks_a_figure_is_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "good")
    write_run(tmp_path / "diverged", None)
    write_run(tmp_path / "old", files={"result.json": {**result(27, 1), "bitops": {"4x4": 1}}})
    made = comparison(tmp_path)
    assert [group.label for group in made.groups] == ["good"]
    assert {one.folder.name: one.why.split(":")[0] for one in made.left_out} == {
        "diverged": "result.json has no PSNR on 'Set14'",
        "old": "result.json has no BitOps at 32 x 32 LR",
    }


def test_where_none_is_left_the_reason_is_told(tmp_path: Path) -> None:
    write_run(tmp_path / "diverged", None)
    with pytest.raises(InputError, match=r"no run is left to compare: .*diverged: result.json has no PSNR"):
        comparison(tmp_path)
    write_run(tmp_path / "diverged", files={"result.json": "{"})
    with pytest.raises(InputError, match="no finished run is left to compare"):
        comparison(tmp_path)


def test_a_figure_that_only_an_older_version_lacks_is_noted(tmp_path: Path) -> None:
    write_run(tmp_path / "new", fields={"train.batch": 1})
    write_run(tmp_path / "old", size=None, fields={"train.batch": 1, "seed": 4})
    made = comparison(tmp_path)
    assert [notice for notice in made.notices if "no size" in notice] == [
        f"{tmp_path / 'old'}/result.json has no size: another version of qnas wrote it"
    ]
    assert made.groups[0].figure("size").count == 1


def test_a_copy_of_a_run_is_no_further_seed(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seconds={"search": 1.0})
    write_run(tmp_path / "c", fields={"seed": 1})
    made = comparison(tmp_path)
    assert [run.folder.name for run in made.runs] == ["a", "c"]
    assert made.title == "2 runs"
    assert [(one.folder, one.why) for one in made.left_out] == [
        (tmp_path / "b", f"it is the same run as {tmp_path / 'a'} (spec, seed and scores), which counts once")
    ]


def test_two_variants_that_are_alike_both_count(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    for variant in ("one", "other"):
        sweep.add(variant, {}, 0)
    assert len(comparison(sweep.finish()).groups) == 2


def test_runs_that_are_alike_need_no_notice(tmp_path: Path) -> None:
    for seed, steps in product((0, 1), (10, 20)):
        write_run(tmp_path / f"{seed}-{steps}", fields={"seed": seed, "search.steps": steps})
    assert comparison(tmp_path).notices == []


def test_what_was_not_done_alike_is_noted(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "device": "cuda", "device_name": "GPU"}
    write_run(tmp_path / "a")
    write_run(
        tmp_path / "b",
        fields={"train.steps": 1600, "data.train.path": "other"},
        files={"environment.json": environment},
    )
    write_run(tmp_path / "c", fields={"seed": 1})
    write_run(tmp_path / "d", 27.4, fields={"seed": 1})
    told = comparison(tmp_path).notices
    assert told == [
        "these runs were trained differently: data.train.path images/train and other; train.steps 800 and 1600",
        "these runs ran on cpu (x86_64, 2 threads) and cuda (GPU): their times can't be compared",
        "the rows have 1 to 3 runs: their means are not equally reliable",
        f"{tmp_path / 'c'} and {tmp_path / 'd'} have the same spec and seed 1: each counts",
    ]
