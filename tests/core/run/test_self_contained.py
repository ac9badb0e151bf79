"""A run's folder has all it needs: the files that its spec names may have moved, changed or disappeared."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.comparison.cost import counted
from qnas.core.comparison.reading.finished_run import FinishedRun
from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.home import at_home
from qnas.core.network import Architecture
from qnas.core.run.deployment.found import load_found
from qnas.core.spec import Spec, load_spec
from qnas.core.sweep.plan import plan_points
from qnas.core.sweep.sweep_file import read_sweep

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
NETS = """
import torch
from parts import Half

class Net(torch.nn.Module):
    def __init__(self, last=None):
        super().__init__()
        self.head = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.tail = torch.nn.Sequential(torch.nn.Conv2d(4, 12, 3, padding=1), torch.nn.PixelShuffle(2))
        self.smaller, self.last = Half(), last

    def forward(self, image):
        enlarged = self.smaller(self.tail(self.norm(self.head(image))))
        return enlarged if self.last is None else self.last(enlarged)
"""
PARTS = """
import torch
FACTOR = 0.5
class Half(torch.nn.Module):
    def forward(self, image):
        return FACTOR * image
"""
SPEC = """\
name: run
scale: 2
device: cpu
space:
  {name: module, target: "nets:Net", weights: start.pth, bits: [8], arguments: {last: {target: "parts:Half"}}}
data:
  train: {name: folder, path: images}
  test: {leaves: {name: dead-leaves, amount: 1, size: 48, seed: 1}}
  validation: 2
  patch: 8
search: {steps: 2, epochs: 1, batch: 2}
train: {steps: 2, batch: 2, validations: 1}
"""


def forget() -> None:
    """As in a process of its own."""
    for name in ("nets", "parts"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with images, code, weights in DataParallel's names, and two runs: finished, and stopped in between."""
    place = tmp_path_factory.mktemp("made")
    (place / "nets.py").write_text(NETS)
    (place / "parts.py").write_text(PARTS)
    (place / "spec.yaml").write_text(SPEC)
    (place / "images").mkdir()
    for index in range(5):
        noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / f"images/{index}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(str(place))
        torch.manual_seed(5)
        import nets

        weights = {f"module.{name}": value for name, value in nets.Net().state_dict().items()}
        torch.save({"state_dict": weights, "psnr": np.float64(30)}, "start.pth")
        assert invoke(["run", "spec.yaml", "--out", "run"]) == 0
        assert invoke(["run", "spec.yaml", "--out", "stopped", "--until", "search"]) == 0
        forget()
    yield place
    forget()


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the folder, which is the current one."""
    copy = tmp_path / "place"
    shutil.copytree(made, copy)
    forget()
    monkeypatch.chdir(copy)
    yield copy
    forget()


@pytest.fixture
def elsewhere(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy, from another folder, with nothing left in it but the runs."""
    for name in ("nets.py", "parts.py", "start.pth", "images"):
        (place / name).rename(tmp_path / name)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    return place


def error(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def model(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def enlarged(run: Path, where: Path) -> bytes:
    Image.new("RGB", (16, 16), "red").save(where / "red.png")
    assert invoke(["upscale", str(run), str(where / "red.png"), "-o", str(where / "up"), "--force"]) == 0
    return (where / "up/red_x2.png").read_bytes()


def test_it_has_the_code_and_the_weights_and_says_what_else_it_was_made_with(place: Path) -> None:
    assert {file.name for file in (place / "run/code").iterdir()} == {"nets.py", "parts.py", "index.json"}
    assert (place / "run/code/nets.py").read_text() == NETS
    assert "torch" in json.loads((place / "run/environment.json").read_text())["packages"]
    assert yaml.safe_load((place / "run/spec.yaml").read_text())["space"]["weights"] == "start.pth"
    assert '"weights": "start.pth"' in (place / "run/architecture.json").read_text()


def test_a_finished_run_needs_nothing_else(place: Path, elsewhere: Path, made: Path) -> None:
    there = enlarged(elsewhere / "run", elsewhere)
    assert invoke(["evaluate", str(elsewhere / "run"), "--data", str(elsewhere.parent / "images")]) == 0
    run = FinishedRun.read(elsewhere / "run")
    assert counted(run, "bitops") == run.figure("bitops", "32x32")
    assert there == enlarged(made / "run", elsewhere)


def test_a_run_that_keeps_nothing_needs_the_code_but_not_the_weights(place: Path) -> None:
    expected = enlarged(place / "run", place)
    for name in ("start.safetensors", "image_names.json", "train/result.json", "start.pth"):
        (place / "run" / name).unlink(missing_ok=True)
    shutil.rmtree(place / "run/code")
    (place / "start.pth").unlink()
    assert enlarged(place / "run", place) == expected
    (place / "nets.py").unlink()
    forget()
    with pytest.raises(InputError, match="can't import nets: ModuleNotFoundError"):
        load_found(place / "run", CPU)


def test_it_goes_on_without_code_and_weights_and_ends_the_same(place: Path, elsewhere: Path, monkeypatch) -> None:
    (elsewhere.parent / "images").rename(elsewhere / "images")
    (elsewhere.parent / "start.pth").unlink()
    monkeypatch.chdir(elsewhere)
    assert invoke(["run", "spec.yaml", "--out", "stopped", "--resume"]) == 0
    assert model(elsewhere / "stopped") == model(elsewhere / "run")


@pytest.mark.parametrize("until", ["search", "train"])
def test_one_that_keeps_nothing_says_which_file_is_gone_while_it_needs_it(
    until: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / ("stopped" if until == "search" else "run")
    (run / "start.safetensors").unlink()
    for stage in ("evaluate", "report"):
        (run / stage / "result.json").unlink(missing_ok=True)
    (place / "start.pth").unlink()
    capsys.readouterr()
    code = invoke(["run", "spec.yaml", "--out", str(run), "--resume"])
    if until == "train":
        assert code == 0
    else:
        assert code == 2
        assert f"space.weights: can't read {place}/start.pth: No such file or directory" in error(capsys)


def test_what_comes_of_a_trained_run_starts_from_the_same_weights(place: Path) -> None:
    """Networks of a baseline and those that are derived are made once the run's own is trained."""
    searched = ("space.bits=[4, 8]", "search.steps=2", "search.epochs=1", "search.warmup=0", "baselines=[uniform]")
    options = [part for field in searched for part in ("--set", field)]
    assert invoke(["run", "spec.yaml", "--out", "parent", *options]) == 0
    assert invoke(["derive", "parent", "--limit", "bitops=1T", "-o", "derived"]) == 0
    kept = (place / "parent/start.safetensors").read_bytes()
    copies = [place / "derived/start.safetensors", *(place / "parent").glob("baselines/*/start.safetensors")]
    assert len(copies) > 1
    assert all(copy.read_bytes() == kept for copy in copies)


def test_code_that_was_changed_since_is_not_used_and_that_is_said(place: Path) -> None:
    expected = enlarged(place / "run", place)
    (place / "parts.py").write_text(PARTS.replace("0.5", "0.125"))
    forget()
    with pytest.warns(QnasWarning, match=r"^parts.py in the current folder is not what .*/run was made with"):
        assert enlarged(place / "run", place) == expected


def test_two_runs_of_other_code_are_each_loaded_with_their_own(place: Path) -> None:
    (place / "parts.py").write_text(PARTS.replace("0.5", "0.125"))
    assert invoke(["run", "spec.yaml", "--out", "other", "--until", "train"]) == 0
    (place / "parts.py").unlink()
    networks = [load_found(place / name, CPU).network for name in ("run", "other", "run")]
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        first, second, third = (network(image) for network in networks)
    assert torch.equal(first, third)
    assert not torch.allclose(first, second)


def test_a_changed_copy_and_changed_weights_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    (place / "stopped/start.safetensors").write_bytes(b"\0" + (place / "stopped/start.safetensors").read_bytes()[1:])
    assert invoke(["run", "spec.yaml", "--out", "stopped", "--resume"]) == 2
    assert f"{place}/stopped/start.safetensors: can't be read" in error(capsys)
    (place / "run/code/nets.py").write_text(NETS + "#")
    assert invoke(["upscale", "run", "images/0.png", "-o", "up"]) == 2
    assert f"{place}/run/code/nets.py: was changed since the run was made" in error(capsys)


def test_without_code_neither_the_file_nor_its_copy_is_run(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for folder in (Path.cwd(), elsewhere):
        shutil.copy(elsewhere / "run/code/nets.py", folder)
        assert invoke(["upscale", str(elsewhere / "run"), str(elsewhere.parent / "images"), "--no-code"]) == 2
        assert "names code to run, nets:Net, which --no-code refuses" in error(capsys)
    assert "nets" not in sys.modules


def test_an_architecture_is_read_by_others_with_the_code_that_its_run_keeps(elsewhere: Path) -> None:
    text = (elsewhere / "run/architecture.json").read_text()
    with at_home(elsewhere / "run"):
        architecture = Architecture.from_json(text)
    assert architecture.to_json() == text
    with pytest.raises(InputError, match="can't import nets"):
        Architecture.from_json(text)


def test_to_go_on_it_needs_its_images_and_says_which_are_gone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resume = ["run", "spec.yaml", "--out", "stopped", "--resume"]
    capsys.readouterr()
    for name in ("1.png", "3.png"):
        (place / f"images/{name}").rename(place / name)
    assert invoke(resume) == 2
    gone = "data.train: 2 of the 5 images that the run began with are gone: 1.png, 3.png; it needs them to go on"
    assert error(capsys).endswith(gone)
    (place / "images").rename(place / "moved")
    assert invoke(resume) == 2
    line = error(capsys)
    assert "spec.yaml:7:" in line
    assert "data.train: images: can't read the folder: No such file or directory; to go on, the run needs the" in line
    assert line.endswith("images that it began with: 0.png, 1.png, 2.png and 2 more")


def test_a_sweep_goes_on_without_what_its_runs_keep(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = read_sweep(place / "spec.yaml")
    (place / "sweep").mkdir()
    (place / "stopped").rename(place / "sweep/seed-0")
    (place / "start.pth").unlink()
    (point,) = plan_points(sweep, folder=place / "sweep")
    assert point.spec.space == load_at(place / "sweep/seed-0", place / "spec.yaml").space
    with pytest.raises(InputError, match=r"space\.weights: can't read"):
        plan_points(sweep)


def load_at(run: Path, spec: Path) -> Spec:
    with at_home(run):
        return load_spec(spec)
