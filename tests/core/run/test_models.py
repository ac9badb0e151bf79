"""Models: found networks that commands take by their names."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

import qnas
from qnas.core.cli.main import invoke
from qnas.core.registry import Entry, plugins
from qnas.core.run.deployment.models import brought_here, found_in

from ...found_run import write_run


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a model that is named ``tiny-x2``; the current folder is another one."""
    folder = tmp_path / "installed" / "tiny"
    write_run(folder)
    (folder / "card.md").write_text("# tiny-x2\n\nFor tests.\n")
    with registered("tiny-x2", folder, monkeypatch):
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        yield folder


@contextlib.contextmanager
def registered(name: str, folder: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    home = ModuleType("qnas_of_a_model")
    vars(home)["Tiny"] = type("Tiny", (qnas.Model,), {"folder": folder})
    monkeypatch.setitem(sys.modules, home.__name__, home)
    entry = Entry(name, f"{home.__name__}:Tiny", "A tiny network", "tests")
    plugins().models.add(entry)
    yield
    plugins().models.remove(entry)


def picture(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_enlarges_as_its_folder_does(model: Path) -> None:
    image, before = picture(Path("a.png")), content(model)
    assert invoke(["upscale", "tiny-x2", str(image), "-o", "by-name"]) == 0
    assert invoke(["upscale", str(model), str(image), "-o", "by-folder"]) == 0
    assert Path("by-name/a_x2.png").read_bytes() == Path("by-folder/a_x2.png").read_bytes()
    assert content(model) == before
    assert not Path("tiny-x2").exists()


def test_it_is_loaded_and_judged_by_its_name(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, image = qnas.load("tiny-x2"), torch.rand(1, 3, 6, 5)
    assert found.run.path == model
    with torch.no_grad():
        assert torch.equal(found(image), qnas.load(model)(image))
    picture(Path("a.png"))
    assert invoke(["evaluate", "tiny-x2", "--data", "own=."]) == 0
    assert "own" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "export",
    [
        lambda: invoke(["export", "tiny-x2", "--target", "onnxruntime", "--data", "own=."]),
        lambda: qnas.load("tiny-x2").export("onnxruntime"),
    ],
)
def test_what_is_written_for_it_goes_to_a_copy_here(model: Path, export: Callable[[], object]) -> None:
    pytest.importorskip("onnx")
    picture(Path("a.png"))
    before = content(model)
    export()
    here = content(Path("tiny-x2"))
    assert before.items() <= here.items()
    assert {"export/onnxruntime.onnx", "export/onnxruntime.json"} == set(here) - set(before)
    assert content(model) == before
    assert invoke(["upscale", "tiny-x2", "a.png", "--target", "onnxruntime"]) == 0  # it is a run now


def test_nothing_is_copied_where_its_export_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    target = ("--target", "onnxruntime")
    assert "must end with .onnx" in refused("export", "tiny-x2", *target, "-o", "a.bin", capsys=capsys)
    assert "nowhere" in refused("export", "tiny-x2", *target, "--data", "own=nowhere", capsys=capsys)
    assert not Path("tiny-x2").exists()


def test_a_run_of_its_name_comes_first(model: Path) -> None:
    write_run(Path("tiny-x2"), scale=3)
    assert found_in(Path("tiny-x2")) == brought_here(Path("tiny-x2")) == Path("tiny-x2")
    assert qnas.load("tiny-x2").scale == 3


def test_it_is_listed_and_shown(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "models", "tiny*"]) == 0
    assert "A tiny network" in capsys.readouterr().out
    assert invoke(["show", "model", "tiny-x2"]) == 0
    assert capsys.readouterr().out == "# tiny-x2\n\nFor tests.\n\n"


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert invoke(list(arguments)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_bad_input_is_refused_in_a_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = str(picture(Path("a.png")))
    assert refused("upscale", "tiny-x", image, capsys=capsys) == (
        "tiny-x: there is no such run or model; did you mean the model 'tiny-x2'?"
    )
    assert "no run in the folder" in refused("upscale", "nothing-like-it", image, capsys=capsys)
    assert "no model is named 'tiny'" in refused("show", "model", "tiny", capsys=capsys)
    assert refused("derive", "tiny-x2", "--between", "8", "--steps", "1", "-o", "other", capsys=capsys) == (
        "tiny-x2: is a model, which has neither a search nor its images: derive needs a run"
    )
    (model / "card.md").unlink()
    assert refused("show", "model", "tiny-x2", capsys=capsys) == "the model 'tiny-x2' has no card.md"
    Path("tiny-x2").mkdir()
    assert refused("export", "tiny-x2", "--target", "onnxruntime", capsys=capsys) == (
        "tiny-x2: is there already, and is no run: the model of this name can't be copied here"
    )


@pytest.mark.parametrize("folder", [None, "text", Path("nowhere")])
def test_a_model_without_a_network_is_refused(folder: object, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    with registered("odd", folder, monkeypatch):
        line = refused("upscale", "odd", "a.png", capsys=capsys)
    assert line == "the model 'odd' of tests names no folder that has a model.safetensors"


def test_a_plugin_registers_one(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from pathlib import Path\nimport qnas\n\n\nclass Mine(qnas.Model):\n    folder = Path('x')\n\n\n"
        "@qnas.hookimpl\ndef qnas_register_models(register):\n    register('mine', Mine, 'My network')\n"
    )
    with qnas.core.registry.with_plugin_file(str(plugin)):
        assert "mine" in {entry.name for entry in plugins().models}
    assert "mine" not in {entry.name for entry in plugins().models}
