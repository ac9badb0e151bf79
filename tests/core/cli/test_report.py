"""``qnas report``: writes the page of a run again, from its folder alone."""

import shutil
from pathlib import Path

import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.files.exclusive import exclusive
from qnas.core.files.folder import RunFolder
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec

from ...conftest import TINY


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose images do not exist, as if it came from another machine."""
    place = tmp_path_factory.mktemp("finished")
    (place / "spec.yaml").write_text(TINY)
    run_spec(load_spec(place / "spec.yaml"), RunFolder(place / "run"))
    return place / "run"


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(done, tmp_path / "run"))


def test_the_page_is_the_same_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert invoke(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"see {run / 'report.html'}\n"
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert after == {**before, run / "report.html": page}


def test_neither_the_images_nor_their_data_set_are_needed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (run / "report.html").read_text()
    spec = yaml.safe_load((run / "spec.yaml").read_text())
    spec["data"]["train"] = spec["data"]["test"]["leaves"] = {"name": "gone", "path": "nowhere"}
    (run / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    for place in ("qnas.core.images.loading.load_images", "qnas.core.run.images.load_run_images"):
        monkeypatch.setattr(place, None)
    assert invoke(["report", str(run)]) == 0
    again = (run / "report.html").read_text()
    assert again != page
    assert again.split("<pre")[0] == page.split("<pre")[0]


def test_a_run_of_an_older_qnas_has_its_page_too(run: Path) -> None:
    """It states no version, and has no newer fields and no copy of the names of its images."""
    shutil.copy(run / "architecture.json", run / "search/best.json")
    (run / "image_names.json").unlink()
    spec = [line for line in (run / "spec.yaml").read_text().splitlines() if not line.startswith(("version", "report"))]
    lacking = [line for line in spec if line.strip() != "name: html"]
    assert len(lacking) < len(spec)
    (run / "spec.yaml").write_text("\n".join(lacking) + "\n")
    (run / "report.html").unlink()
    assert invoke(["report", str(run)]) == 0
    assert "</html>" in (run / "report.html").read_text()


def refused(run: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    capsys.readouterr()
    assert invoke(["report", str(run), *options]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_what_is_no_finished_run_is_refused_in_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no run in the folder (no spec.yaml in it)" in refused(run / "none", capsys)
    with exclusive(run):
        assert "is at work in this folder" in refused(run, capsys)
    assert "no report is named 'htm'; did you mean 'html'?" in refused(run, capsys, "--report", "htm")
    (run / "result.json").unlink()
    assert refused(run, capsys) == f"{run}: the run is not finished (qnas run --resume goes on with it)\n"
