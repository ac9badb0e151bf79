"""The CSV file: one row for each run, with all figures."""

import csv
import io
from pathlib import Path

from qnas.core.comparison import compare_runs, csv_text, find_runs

from ...synthetic_runs import write_run


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(compare_runs(find_runs([folder]))))))


def test_each_run_has_a_row_with_all_its_figures(tmp_path: Path) -> None:
    for seed, psnr in ((0, 27.25), (1, 27.5)):
        write_run(tmp_path / f"run-{seed}", psnr, fields={"seed": seed, "name": "run"})
    first, second = rows(tmp_path)
    assert [float(row["test.Set14.psnr_y"]) for row in (first, second)] == [27.25, 27.5]
    assert float(first["test.Set5.bicubic.psnr_y"]) == 28.43
    assert float(first["bitops.32x32"]) == 4e9
    assert first["label"] == second["label"] == "run"
    assert (first["seed"], second["seed"], first["on_front"]) == ("0", "1", "True")
    assert first["folder"] == str(tmp_path / "run-0")
    assert first["device"] == "cpu"


def test_what_a_run_lacks_is_empty_and_odd_names_stay_whole(tmp_path: Path) -> None:
    write_run(tmp_path / "new", fields={"name": 'a, "b"\nc', "train.batch": 1})
    write_run(tmp_path / "old", discretization_gap_db=None)
    by_name = {row["name"]: row for row in rows(tmp_path)}
    assert by_name["old"]["discretization_gap_db"] == ""
    assert by_name['a, "b"\nc']["discretization_gap_db"] == "0.4"
