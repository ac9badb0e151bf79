"""``qnas evaluate`` from the outside."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.components import Degradation, SourceImage
from qnas.core.images.metrics import score
from qnas.core.images.pairs import pair
from qnas.core.images.resample import imresize
from qnas.core.upscale.enlarging import enlarge

from ...found_run import ADQ, write_run

NAMES = ("a.png", "b.png", "c.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A test set of three images."""
    for seed, name in enumerate(NAMES):
        save(tmp_path / "photos" / name, (30 + 2 * seed, 41, 3), seed)
    return tmp_path / "photos"


def save(file: Path, shape: tuple[int, ...], seed: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(file)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def evaluate(*arguments: object) -> int:
    return invoke(["evaluate", *map(str, arguments), "--device", "cpu"])


def test_scores_are_those_of_the_network_and_of_bicubic(tmp_path, folder):
    network = write_run(tmp_path / "run", scale=3)
    before = {f: f.read_bytes() for f in (tmp_path / "run").rglob("*")}
    out = tmp_path / "made" / "scores.json"
    assert evaluate(tmp_path / "run", "--data", folder, "--out", out) == 0
    written = json.loads(out.read_text())
    assert written["run"] == str(tmp_path / "run")
    expected = {}
    for name in NAMES:
        image = pair(SourceImage(name, np.asarray(Image.open(folder / name))), 3, Degradation.of("matlab"))
        ours = enlarge(network, image.lr, torch.device("cpu"))
        bicubic = score(imresize(image.lr, image.hr.shape[:2]), image.hr, 3)
        expected[name] = {**score(ours, image.hr, 3), "bicubic": bicubic}
    assert written["images"] == {"photos": expected}
    mean = written["test"]["photos"]
    for key in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"):
        assert mean[key] == pytest.approx(np.mean([scores[key] for scores in expected.values()]))
        assert mean["bicubic"][key] == pytest.approx(np.mean([s["bicubic"][key] for s in expected.values()]))
    assert {f: f.read_bytes() for f in (tmp_path / "run").rglob("*")} == before


def test_the_table_has_every_set_and_with_images_every_image(run, folder, capsys):
    assert evaluate(run, "--data", folder, "--data", f"again={folder}") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["set", "photos", "bicubic", "again", "bicubic"]
    assert lines[0].split() == ["set", "PSNR", "Y", "SSIM", "Y", "PSNR", "RGB", "SSIM", "RGB"]
    assert evaluate(run, "--data", folder, "--images") == 0
    first = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line]
    assert first == ["photos", *[w for name in NAMES for w in (name, "bicubic")], "set", "photos", "bicubic"]


def test_lr_images_beside_are_used_as_they_are(tmp_path, run):
    save(tmp_path / "Set/HR/a.png", (24, 30, 3))
    save(tmp_path / "Set/LR_bicubic/X2/ax2.png", (12, 15, 3), seed=5)
    assert evaluate(run, "--data", tmp_path / "Set", "--out", tmp_path / "scores.json") == 0
    hr, lr = (np.asarray(Image.open(tmp_path / "Set" / name)) for name in ("HR/a.png", "LR_bicubic/X2/ax2.png"))
    bicubic = json.loads((tmp_path / "scores.json").read_text())["images"]["Set"]["a.png"]["bicubic"]
    assert bicubic == score(imresize(lr, (24, 30)), hr, 2)


@pytest.mark.parametrize("named", ["LR_bicubic", "LR_bicubic/X2"])
def test_lr_images_are_not_judged_as_hr_images(tmp_path, run, capsys, named):
    save(tmp_path / "Set/HR/a.png", (24, 30, 3))
    save(tmp_path / "Set/LR_bicubic/X2/ax2.png", (12, 15, 3), seed=5)
    capsys.readouterr()
    assert evaluate(run, "--data", tmp_path / "Set" / named) == 2
    place, hr = tmp_path / "Set" / named, tmp_path / "Set/HR"
    said = f"{place}: has LR images, by its name: name the folder of the HR images ({hr})\n"
    assert capsys.readouterr().err == said


def test_a_pack_is_a_test_set_as_its_folder_is(tmp_path, run, folder):
    assert invoke(["data", "pack", str(folder), str(tmp_path / "photos.h5"), "--scale", "2"]) == 0
    for place in (folder, tmp_path / "photos.h5"):
        assert evaluate(run, "--data", place, "--out", tmp_path / f"{place.suffix}.json") == 0
    one, other = (json.loads((tmp_path / name).read_text())["test"] for name in (".json", ".h5.json"))
    assert one == other
    assert set(one) == {"photos"}


def test_tiles_change_nothing(tmp_path, run, folder):
    for name, tile in (("whole", ()), ("tiled", ("--tile", 7))):
        assert evaluate(run, "--data", folder, "--out", tmp_path / name, *tile) == 0
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "tiled").read_bytes()


def test_global_statistics_are_gathered_from_tiles_or_frozen(tmp_path, folder, capsys):
    write_run(tmp_path / "run", ADQ)
    options = {"whole": (), "tiled": ("--tile", 7), "frozen": ("--freeze",), "both": ("--freeze", "--tile", 7)}
    for name, chosen in options.items():
        capsys.readouterr()
        assert evaluate(tmp_path / "run", "--data", folder, "--out", tmp_path / name, *chosen) == 0
        assert ("in 2 passes over tiles" in capsys.readouterr().err) == (name == "tiled")
    assert (tmp_path / "both").read_bytes() == (tmp_path / "frozen").read_bytes()
    whole, tiled, frozen = (json.loads((tmp_path / name).read_text()) for name in ("whole", "tiled", "frozen"))
    assert (frozen["frozen"], whole["frozen"]) == (True, False)
    scores = [each["test"]["photos"]["psnr_y"] for each in (whole, tiled, frozen)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)
    assert scores[2] != pytest.approx(scores[0], abs=1e-3)


def test_freezing_what_measures_nothing_is_told(run, folder):
    with pytest.warns(UserWarning, match="--freeze changes nothing"):
        assert evaluate(run, "--data", folder, "--freeze") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{run}/none", "--data", "{photos}"], "{run}/none: there is no run in the folder"),
        (["{run}", "--data", "{run}/none"], "{run}/none: can't read the folder: No such file"),
        (["{run}", "--data", "{run}"], "{run}: no images in the folder"),
        (["{run}", "--data", "{photos}", "--data", "{photos}"], "--data: two test sets are called 'photos'"),
        (
            ["{run}", "--data", "{photos}", "--out", "{run}/result.json"],
            "--out {run}/result.json: is inside",
        ),
        (["{run}", "--data", "{run}/spec.yaml"], "{run}/spec.yaml: "),
    ],
)
def test_what_is_wrong_is_told_in_a_line(run, folder, capsys, arguments, said):
    fill = lambda text: text.format(run=run, photos=folder)  # noqa: E731
    capsys.readouterr()
    assert evaluate(*map(fill, arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(fill(said))
    assert printed.err.count("\n") == 1
    assert not (run / "result.json").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:200]), "{file}: can't be decoded"),
        (lambda file: save(file, (9, 9, 3)), "photos/b.png: is too small to be scored"),
        (lambda file: save(file, (1, 9, 3)), "photos/b.png: is smaller than the scale"),
    ],
)
def test_an_image_that_can_not_be_judged_stops_no_other(tmp_path, run, folder, capsys, spoil, said):
    spoil(folder / "b.png")
    capsys.readouterr()
    assert evaluate(run, "--data", folder, "--out", tmp_path / "scores.json") == 1
    headline, reason = capsys.readouterr().err.splitlines()[-2:]
    assert headline == "not scored, and left out of the means: 1 of 3 images"
    assert reason.startswith(said.format(file=folder / "b.png"))
    written = json.loads((tmp_path / "scores.json").read_text())
    assert list(written["not_judged"]) == ["photos/b.png"]
    judged = written["images"]["photos"]
    assert list(judged) == ["a.png", "c.png"]
    mean = np.mean([scores["psnr_y"] for scores in judged.values()])
    assert written["test"]["photos"]["psnr_y"] == pytest.approx(mean)


def test_scores_are_written_before_they_are_shown(tmp_path, run, folder, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise UnicodeEncodeError("cp1252", "\u56fe", 0, 1, "nothing can be shown")

    monkeypatch.setattr("qnas.core.cli.terminal.console.Terminal.print", broken)
    assert evaluate(run, "--data", folder, "--out", tmp_path / "scores.json") == 1
    assert len(json.loads((tmp_path / "scores.json").read_text())["images"]["photos"]) == 3
