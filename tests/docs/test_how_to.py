"""The pages that say how to do one thing: their commands and specs work, and the site has every page once."""

import re
import shutil
from pathlib import Path

import pytest
import skimage.data
import yaml
from PIL import Image

from qnas.core.spec import load_spec

from .conftest import ROOT, blocks, commands, shell

DOCS = ROOT / "docs"


def test_the_commands_of_the_quick_start(quickstart: Path, tmp_path: Path) -> None:
    run, *others = commands("docs/quickstart.md")
    assert run == "qnas run specs/quickstart.yaml"  # which the fixture has run
    shutil.copytree(quickstart, tmp_path / "runs/quickstart", ignore=shutil.ignore_patterns("export"))
    shutil.copy(quickstart.parents[1] / "photo.png", tmp_path)
    for command in others:
        done = shell(command, tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "enlarged/photo_x2.png").is_file()
    assert (tmp_path / "runs/quickstart/export/onnxruntime.onnx").is_file()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with images to train and to test on."""
    for place, names in {"train": ("astronaut", "coffee", "rocket"), "test": ("chelsea",)}.items():
        (tmp_path / "images" / place).mkdir(parents=True)
        for name in names:
            photo = Image.fromarray(getattr(skimage.data, name)())
            photo.crop((100, 60, 228, 188)).save(tmp_path / f"images/{place}/{name}.png")
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_page_on_images(images: Path) -> None:
    for command in commands("docs/images.md"):
        done = shell(command, images)
        assert done.returncode == 0, done.stderr
    assert (images / "train.h5").is_file()


@pytest.mark.slow
def test_the_commands_of_the_page_on_models(checkout: Path, tmp_path: Path) -> None:
    shutil.copy(checkout / "photo.png", tmp_path)
    for command in commands("docs/models.md"):
        done = shell(command, tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "photo_x4.png").is_file()
    assert (tmp_path / "x4-4g/export/openvino.onnx").is_file()


def test_the_spec_of_the_page_on_images(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("docs/images.md", "yaml")
    monkeypatch.chdir(images)
    Path("spec.yaml").write_text(text)
    assert set(load_spec("spec.yaml").data.test) == {"mine", "photos"}
    fields = re.findall(r"`data: (\{.+?\})`", (DOCS / "images.md").read_text())
    assert len(fields) == 2
    for field in fields:
        ((name, value),) = yaml.safe_load(field).items()
        load_spec("spec.yaml", {f"data.{name}": value})
    load_spec("spec.yaml", {"data.train": {"name": "pack", "path": "train.h5"}})


def test_the_site_has_every_page_once() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r": ([\w/-]+\.(?:md|ipynb))$", navigation, re.MULTILINE)
    there = {path.relative_to(DOCS).as_posix() for kind in ("md", "ipynb") for path in DOCS.rglob(f"*.{kind}")}
    assert sorted(listed) == sorted(there)
