"""Mistakes of users: one clear line says what and where, the exit code is 2, nothing is left behind."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas.core.cli.main import invoke


def replace(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


MISTAKES = {
    "broken YAML": (replace("scale: 2", "scale: [2"), r":\d+:\d+: .*not valid YAML"),
    "duplicate key": (replace("scale: 2", "scale: 2\nscale: 3"), r":3:1: duplicate key 'scale' \(first on line 2\)"),
    "unknown name": (
        replace("cells: 1", "cells: 1\n  residual: adk"),
        r":7:13: space\.residual: no residual is named 'adk'; did you mean 'adq'",
    ),
    "unknown space": (replace("name: basic", "name: basik"), r":4:9: space\.name: .*did you mean 'basic'"),
    "wrong type": (replace("channels: 6", "channels: wide"), r":5:13: space\.channels: must be a whole number"),
    "out of range": (replace("channels: 6", "channels: -4"), r":5:13: space\.channels: must be greater than 0"),
    "unknown field": (replace("channels: 6", "chanels: 6"), r":5:3: space\.chanels: .*did you mean 'channels'"),
    "no bits": (replace("[4, 8]", "[0, 8]"), r":7:10: space\.bits\.0: must be a whole number of bits"),
    "broken bits": (replace("[4, 8]", "[4, 1.5]"), r":7:13: space\.bits\.1: must be a whole number of bits"),
    "many bits": (replace("[4, 8]", "[4, 64]"), r":7:13: space\.bits\.1: must be a whole number of bits"),
    "scale": (replace("scale: 2", "scale: 5"), r":2:8: scale: .*can't do scale 5 \(it can do: 2, 3, 4\)"),
    "groups": (replace("channels: 6", "channels: 7"), r":4:3: space: .*groups don't divide 3 -> 7 channels"),
    "noise to train": (lambda text: text + "quantizer: {train: noise}\n", r":15:20: quantizer\.train: 'noise'"),
    "too many epochs": (replace("epochs: 3", "epochs: 9"), r":13:28: search\.epochs: must be at most"),
    "patch": (replace("patch: 8", "patch: 17"), r"data\.train: .*smaller than the patch of 17"),
    "too few images": (replace("amount: 12", "amount: 3"), r":9:10: data\.train: .*3 images; 2 are held out"),
    "no device": (replace("scale: 2", "scale: 2\ndevice: mps"), r":3:9: device: this machine has no mps"),
}


def fails_with(arguments: list[str], pattern: str, capsys: pytest.CaptureFixture[str], code: int = 2) -> None:
    before = set(Path.cwd().rglob("*"))
    assert invoke(arguments) == code
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("data: ")]
    assert len(told) == 1, told
    assert re.search(pattern, told[0]), told[0]
    assert set(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_spec(
    mistake: str, tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    change, pattern = MISTAKES[mistake]
    tiny.write_text(change(tiny.read_text()))
    fails_with(["run", "spec.yaml"], r"^spec\.yaml" + (pattern if pattern[0] == ":" else ".*" + pattern), capsys)


def test_a_spec_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fails_with(["run", "nowhere.yaml"], r"^nowhere\.yaml: can't read the spec: No such file", capsys)
    fails_with(["check", "."], r"^\.: can't read the spec: Is a directory", capsys)


def test_an_output_folder_that_exists(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("out").mkdir()
    fails_with(["run", "spec.yaml", "--out", "out"], r"^out: the output folder exists.*--resume", capsys)


def test_every_mistake_has_its_own_line(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.write_text(tiny.read_text().replace("scale: 2", "scale: two").replace("cells: 1", "cells: 0"))
    assert invoke(["check", str(tiny)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.fixture
def images(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ten images that the spec trains on."""
    monkeypatch.chdir(tiny.parent)
    folder = tiny.parent / "images"
    folder.mkdir()
    for index in range(10):
        pixels = np.random.default_rng(index).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    dataset = "{name: dead-leaves, amount: 12, size: 32}"
    tiny.write_text(tiny.read_text().replace(dataset, "{name: folder, path: images}", 1))
    return folder


RUN = ["run", "spec.yaml"]


def test_an_empty_folder(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in images.iterdir():
        file.unlink()
    fails_with(RUN, r"^spec\.yaml:9:10: data\.train: images: no images in the folder \(looked for \.png", capsys)


def test_a_missing_folder(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images.rename(images.with_name("elsewhere"))
    fails_with(RUN, r"^spec\.yaml:9:10: data\.train: images: can't read the folder: No such file", capsys)


def test_a_file_that_is_no_image(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (images / "5.png").write_text("I am a text.")
    fails_with(RUN, r"^spec\.yaml:9:10: data\.train: images/5\.png: is not an image", capsys)


def test_an_image_smaller_than_the_patch(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails_with([*RUN, "--set", "data.patch=13"], r"data\.train: \d\.png: .*16 x 12, smaller", capsys)


def test_lr_of_the_wrong_size(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lr = images.with_name("lr")
    lr.mkdir()
    for file in images.iterdir():
        Image.open(file).resize((16, 12)).save(lr / file.name)
    Image.new("RGB", (15, 12)).save(lr / "7.png")
    fails_with([*RUN, "--set", "data.train.lr_path=lr"], r"7\.png: LR is 15 x 12.*should be 16 x 12", capsys)


def test_lr_without_its_hr(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lr = images.with_name("lr")
    lr.mkdir()
    Image.new("RGB", (16, 12)).save(lr / "other.png")
    fails_with([*RUN, "--set", "data.train.lr_path=lr"], r"no LR image for 0\.png, 1\.png", capsys)


def test_a_test_image_too_small_to_judge(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = images.with_name("small")
    small.mkdir()
    Image.new("RGB", (8, 40)).save(small / "a.png")
    fails_with(
        [*RUN, "--set", "data.test.leaves={name: folder, path: small}"],
        r"a\.png: is too small",
        capsys,
    )


def test_a_disk_that_is_full_at_the_start(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    assert invoke(["run", "spec.yaml", "--out", "first", "--until", "search"]) == 0  # fills the image cache
    capsys.readouterr()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    fails_with(["run", "spec.yaml", "--out", "out"], r"^out/spec\.yaml: the disk is full", capsys)


def test_a_disk_that_fills_up_later(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    real, calls = os.fsync, iter(range(1000))

    def fills_up(handle: int) -> None:
        if next(calls) >= 12:  # the folder is made by then
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fills_up)
    assert invoke(["run", "spec.yaml", "--out", "out"]) == 2
    assert "the disk is full" in capsys.readouterr().err
    left = [file.name for file in Path("out").rglob("*") if file.is_file()]
    assert left
    assert not [name for name in left if name.startswith(".")]  # nothing that was written aside
    monkeypatch.undo()
    monkeypatch.chdir(tiny.parent)
    assert invoke(["run", "spec.yaml", "--out", "out", "--resume"]) == 0
