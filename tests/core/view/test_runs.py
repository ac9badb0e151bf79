"""The runs of a folder: which are found, in what order, and what can't be read."""

import json
from pathlib import Path

import pytest

from qnas.core.components import Report
from qnas.core.errors import InputError
from qnas.core.view import Runs, viewing

from ...synthetic_runs import SweepFolder, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sweep and two runs."""
    sweep = SweepFolder(tmp_path / "runs" / "sweep")
    for weight in (0.001, 0.01):
        sweep.add("searched", {"regularizers.cost.weight": weight}, 0, bitops=2e9)
    sweep.add("searched", {"regularizers.cost.weight": 0.1}, 0, run=False)
    sweep.finish()
    for name in ("run-10", "run-9"):
        write_run(tmp_path / "runs" / name)
    return tmp_path / "runs"


def test_all_runs_are_found_in_natural_order(folder: Path) -> None:
    seen = Runs(folder).look()
    assert {group: [run.name for run in runs] for group, runs in seen.groups.items()} == {
        "": ["run-9", "run-10"],
        "sweep": [f"searched/weight={weight}/seed-0" for weight in ("0.001", "0.01", "0.1")],
    }
    assert seen.states == {"done": 4, "waiting": 1}
    assert [run.report for run in seen.runs] == ["report.html"] * 4 + [""]
    assert seen.comparison("") == "compare.html" and seen.comparison("sweep") == "sweep/compare.html"
    assert seen.comparison("run-9") == "" == seen.comparison("swee")


def test_figures_are_of_the_first_test_set_and_the_first_cost(folder: Path) -> None:
    figures = Runs(folder).look().runs[0].figures
    assert figures is not None
    assert (figures.test, figures.psnr, figures.cost.name, figures.value, figures.at) == (
        "Set5",
        29.5,
        "bitops",
        4e9,
        "at 32 x 32 LR",
    )
    assert figures.gain == pytest.approx(29.5 - 28.43)


@pytest.mark.parametrize("content", ["{", "[]", '{"test": 3}', '{"test": {"a": 1}, "bitops": "x"}', "\x00", ""])
def test_a_damaged_result_breaks_nothing_else(folder: Path, content: str) -> None:
    (folder / "run-9" / "result.json").write_text(content)
    seen = Runs(folder).look()
    run = seen.runs[0]
    assert len(seen.runs) == 5 and run.standing.state == "done"
    assert (run.damage != "") == (run.figures is None) == (not content.startswith('{"'))


def test_a_damaged_sweep_is_named_and_its_runs_are_found_by_themselves(folder: Path) -> None:
    (folder / "sweep" / "sweep.json").write_text("{")
    seen = Runs(folder).look()
    (notice,) = seen.notices
    assert "sweep.json: is damaged" in notice
    assert [run.path for run in seen.runs][2:] == [f"sweep/searched/weight={w}/seed-0" for w in ("0.001", "0.01")]


def test_a_run_that_is_written_again_is_read_again(folder: Path) -> None:
    runs = Runs(folder)
    before = runs.look().runs[0]
    assert runs.look().runs[0] is before
    runs._at = 0.0
    assert runs.look().runs[0] is before
    write_run(folder / "run-9", psnr=30)
    assert runs.look().runs[0] is before  # it is looked at once a second
    runs._at = 0.0
    figures = runs.look().runs[0].figures
    assert figures is not None and figures.psnr == 32


def test_links_that_lead_out_are_not_followed(folder: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "elsewhere", psnr=40)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "run-9" / "result.json").unlink()
    (folder / "run-9" / "result.json").symlink_to(tmp_path / "elsewhere" / "result.json")
    index = json.loads((folder / "sweep" / "sweep.json").read_text())
    index["points"].append({"folder": "out/run"})
    (folder / "sweep" / "sweep.json").write_text(json.dumps(index))
    (folder / "sweep" / "out").symlink_to(tmp_path)
    seen = Runs(folder).look()
    assert [run.path for run in seen.runs if "link" in run.path or "out" in run.path] == []
    assert seen.runs[0].figures is None and "can't be read" in seen.runs[0].damage


def test_a_folder_may_be_a_run_itself_or_empty(folder: Path, tmp_path: Path) -> None:
    (run,) = Runs(folder / "run-9").look().runs
    assert (run.path, run.link, run.home, run.name) == ("", "", "", "run-9")
    (tmp_path / "empty").mkdir()
    assert Runs(tmp_path / "empty").look().runs == []


def test_a_report_of_finished_runs_only_is_refused(registered) -> None:  # type: ignore[no-untyped-def]
    class Plain(Report):
        """Explains nothing."""

        def write(self, folder: object) -> str:
            return ""

    with pytest.raises(InputError, match="the report 'plain' explains finished runs only"):
        viewing(Report.of(registered(Plain)))
