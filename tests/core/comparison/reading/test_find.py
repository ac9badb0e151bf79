"""Which folders are runs, which of them can be compared, and the messages about the others."""

import json
from pathlib import Path

import pytest

from qnas.core.comparison import find_runs
from qnas.core.errors import InputError

from ....synthetic_runs import SweepFolder, write_run

WEIGHT = "regularizers.cost.weight"


def test_runs_are_found_at_any_depth_and_each_once(tmp_path: Path) -> None:
    places = [write_run(tmp_path / name) for name in ("a", "deep/er/b", "deep/c")]
    (tmp_path / ".hidden").mkdir()
    write_run(tmp_path / ".hidden" / "run")
    found = find_runs([tmp_path, tmp_path / "a", tmp_path / "deep/../a"])
    assert sorted(run.folder.resolve() for run in found.runs) == sorted(places)
    assert not found.left_out


def test_a_folder_counts_once_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "runs/a")
    write_run(tmp_path / "runs/b", files={"result.json": None})
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    named = ["runs/a", "runs", "runs/../runs/a", "link/b", "link", str(tmp_path), str(tmp_path / "runs/a")]
    found = find_runs(map(Path, named))
    assert [str(run.folder) for run in found.runs] == ["runs/a"]
    assert [str(one.folder) for one in found.left_out] == ["runs/b"]


def test_a_run_knows_its_point_however_it_is_named(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    run = sweep.add("searched", {WEIGHT: 0.5}, 1)
    sweep.finish()
    for named in (tmp_path, sweep.folder, run):
        (found,) = find_runs([named]).runs
        assert found.point is not None
        assert (found.point.variant, found.point.values, found.seed) == ("searched", {WEIGHT: 0.5}, 1)
    (stranger,) = find_runs([write_run(tmp_path / "stranger")]).runs
    assert stranger.point is None


def test_a_run_of_a_sweep_that_has_not_begun_is_told(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path)
    sweep.add(None, {WEIGHT: 0}, 0)
    missing = sweep.add(None, {WEIGHT: 1}, 0, run=False)
    found = find_runs([sweep.finish()])
    assert len(found.runs) == 1
    assert [(one.folder, one.why) for one in found.left_out] == [(missing, "the sweep has not begun it")]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"result.json": None}, "the run is not finished"),
        ({"spec.yaml": "name: ["}, "spec.yaml:1:8: this is not valid YAML"),
        ({"spec.yaml": "- a"}, "spec.yaml: is damaged: it is not a mapping"),
        ({"spec.yaml": None}, "spec.yaml: can't be read"),
        ({"result.json": "{"}, "result.json: is damaged"),
        ({"result.json": "[1]"}, "result.json: is damaged"),
        ({"evaluate/result.json": None}, "evaluate/result.json: can't be read"),
        ({"evaluate/result.json": {"images": [1]}}, "evaluate/result.json: has no images by test set"),
        ({"evaluate/result.json": {}}, "evaluate/result.json: has no images by test set"),
    ],
)
def test_what_can_not_be_compared_is_left_out_with_the_reason(tmp_path: Path, files: dict, why: str) -> None:
    write_run(tmp_path / "good")
    broken = write_run(tmp_path / "broken", files=files)
    found = find_runs([tmp_path])
    assert [run.folder.name for run in found.runs] == ["good"]
    (left_out,) = found.left_out
    assert left_out.folder == broken
    assert left_out.why.startswith(why)
    assert "\n" not in left_out.why


def test_optional_files_may_be_missing(tmp_path: Path) -> None:
    write_run(tmp_path, files={"environment.json": None, "search/result.json": None, "report.html": None})
    (run,) = find_runs([tmp_path]).runs
    assert run.environment == {}
    assert run.report is None


def test_the_report_is_looked_for_in_the_folder_only(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret")
    write_run(tmp_path / "run", files={"report/result.json": {"file": "../secret.html"}})
    (run,) = find_runs([tmp_path / "run"]).runs
    assert run.report is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "sweep.json: is damaged"),
        (json.dumps({"format": 2, "points": []}), "sweep.json: has format 2, not 1"),
        (json.dumps({"format": 1}), "sweep.json: is damaged: points"),
        (json.dumps({"format": 1, "points": [{"variant": "a"}]}), "sweep.json: is damaged: points.0.folder"),
    ],
)
def test_a_damaged_list_of_a_sweep_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "sweep.json").write_text(content)
    for named in (tmp_path, tmp_path / "run"):
        with pytest.raises(InputError, match=message) as error:
            find_runs([named])
        assert "\n" not in str(error.value)


def test_what_is_no_folder_of_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        find_runs([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: there is no run in it"):
        find_runs([tmp_path / "empty"])
