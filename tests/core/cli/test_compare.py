"""``qnas compare``: what it prints and writes, and its messages about bad input."""

import csv
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from qnas.core.cli.main import invoke

from ...synthetic_runs import SweepFolder, scores, write_run

pytestmark = pytest.mark.slow

WEIGHT = "regularizers.cost.weight"
FILES = ["compare.csv", "compare.html", "compare.png", "compare.svg"]


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of two variants in the working folder."""
    monkeypatch.chdir(tmp_path)
    made = SweepFolder(Path("sweep"))
    for seed in (0, 1):
        made.add("searched", {WEIGHT: 0.001}, seed, psnr=27.5 + seed / 10, bitops=2e9)
        made.add("searched", {WEIGHT: 0}, seed, psnr=27.8 + seed / 10, bitops=8e9)
        made.add("uniform", {"space.bits": [4]}, seed, psnr=27.3 + seed / 10, bitops=6e9)
    return made.finish()


def fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line about bad input, which leaves nothing behind."""
    before = set(Path.cwd().rglob("*"))
    assert invoke(["compare", *arguments]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert set(Path.cwd().rglob("*")) == before
    (line,) = told.err.splitlines()
    return line


def test_the_table_has_a_row_for_each_group_of_seeds(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["compare", str(sweep), "--title", "Both"]) == 0
    told = capsys.readouterr()
    assert not told.err
    lines = told.out.splitlines()
    assert lines[0].strip() == "Both"
    assert "Set14 (14 images), x4, BitOps at 32 x 32 LR" in lines[1]
    rows = [line.split() for line in lines if "±" in line]
    assert [" ".join(row[:7]) for row in rows] == [
        "* searched weight=0 27.85 ± 0.07 (2)",
        "* searched weight=0.001 27.55 ± 0.07 (2)",
        "uniform bits=[4] 27.35 ± 0.07 (2) +1.26",
    ]
    assert " ".join(rows[1][7:]) == "+1.46 0.8400 2 G 62.5 M 60 k 40 kB 2 min 0 s 4 min 0 s".replace("  ", " ")
    assert "see comparison/compare.html, with compare.svg, compare.png, compare.csv beside it" in told.out


def test_a_run_that_is_named_twice_and_a_copy_of_it_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_run(Path(name), fields={"seed": int(name != "c")}) for name in ("a", "b", "c")]
    Path("link").symlink_to("a")
    assert invoke(["compare", *map(str, [*runs, "link", "a", "../" + Path.cwd().name + "/c"])]) == 0
    told = capsys.readouterr()
    assert told.err == "left out: b: it is the same run as a (spec, seed and scores), which counts once\n"
    assert told.out.splitlines()[0].strip() == "a, b, c"
    assert " (2) " in told.out
    assert "comparison of 2 runs" in Path("comparison/compare.html").read_text()


def test_many_are_called_by_how_many_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [write_run(Path(name), fields={"seed": seed}) for seed, name in enumerate("abcd")]
    write_run(Path("unfinished"), files={"result.json": None})
    assert invoke(["compare", *map(str, runs), "unfinished"]) == 0
    assert capsys.readouterr().out.splitlines()[0].strip() == "4 runs"
    assert "comparison of 4 runs" in Path("comparison/compare.html").read_text()


def test_the_files_are_written_and_written_over(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["compare", str(sweep), "--out", "made/here"]) == 0
    out = Path("made/here")
    assert sorted(path.name for path in out.iterdir()) == FILES
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with (out / "compare.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 6
    with Image.open(out / "compare.png") as image:
        assert image.width > 1000
    (out / "notes.txt").write_text("mine")
    assert invoke(["compare", str(sweep), "--out", "made/here", "--test", "Set5", "--cost", "params"]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "compare.png").read_bytes() != before["compare.png"]
    assert "Set5 (5 images), x4, parameters" in capsys.readouterr().out


def test_the_same_runs_give_the_same_files(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert invoke(["compare", str(sweep), "--out", name]) == 0
    for name in FILES:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_what_is_left_out_and_what_differs_is_told_on_standard_error(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(sweep / "old", files={"result.json": None})
    write_run(sweep / "diverged", None)
    write_run(sweep / "long", fields={"train.steps": 1600})
    assert invoke(["compare", str(sweep)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "left out: sweep/old: the run is not finished (qnas run --resume goes on with it)",
        "left out: sweep/diverged: result.json has no PSNR on 'Set14': the training diverged, or another version of"
        " qnas wrote it",
        "warning: these runs were trained differently: train.steps 1600 and 800",
        "warning: the rows have 1 to 2 runs: their means are not equally reliable",
    ]


def test_one_run_alone_can_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"))
    assert invoke(["compare", "run"]) == 0
    assert "* run" in " ".join(capsys.readouterr().out.split())


def test_bad_input_is_one_line(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    Path("empty").mkdir()
    write_run(Path("other"), fields={"scale": 2})
    write_run(Path("elsewhere"), test={"Set5": scores(29.5, 28.43)})
    write_run(Path("alone"), test={"Set14": scores(27.5, 26.09)})
    one, other = str(sweep), "other"
    assert fails(["nothing"], capsys).startswith("nothing: there is no such folder")
    assert fails(["empty"], capsys).startswith("empty: there is no run in it")
    assert fails(["file"], capsys).startswith("file: there is no such folder")
    assert fails([one, "--out", "file"], capsys) == "file: it is not a folder: choose another with --out"
    assert "runs of different scales can't be compared" in fails([one, other], capsys)
    assert "runs of different test sets can't be compared" in fails(["elsewhere", "alone"], capsys)
    assert "no run was judged on 'Set6'" in fails([one, "--test", "Set6"], capsys)
    assert "did you mean 'bitops'" in fails([one, "--cost", "bitop"], capsys)
    assert "did you mean 'html'" in fails([one, "--report", "htlm"], capsys)
    (sweep / "sweep.json").write_text("{")
    assert fails([one], capsys).startswith("sweep/sweep.json: is damaged")


def test_where_no_run_is_finished_each_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"), files={"result.json": None})
    assert invoke(["compare", "run"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("left out: run: the run is not finished")
    assert told[1:] == ["no finished run is left to compare"]


def test_a_full_disk_leaves_no_half_of_a_file(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert invoke(["compare", str(sweep), "--out", "out"]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert list(Path("out").iterdir()) == []


def test_help_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from qnas.core.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "compare", "--help"], capture_output=True, text=True, check=True)
    assert "--cost" in done.stdout
