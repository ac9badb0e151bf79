"""Degradations: their results against independent sums, and where each can't be used."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from qnas.core.cli.main import invoke
from qnas.core.components import Degradation, Pixels
from qnas.core.files.folder import RunFolder
from qnas.core.images.resample import imresize


@pytest.fixture(scope="module")
def image() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def camera(**fields: object) -> Degradation:
    nothing = {"blur": [0, 0], "noise": [0, 0], "jpeg": None}
    return Degradation.of({"name": "camera", **nothing, **fields})


def test_a_camera_without_faults_is_the_bicubic_reduction(image: Pixels) -> None:
    assert np.array_equal(camera().degrade(image, (24, 32), "a"), imresize(image, (24, 32)))
    assert np.array_equal(camera().degrade(image, (48, 64), "a"), image)


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    noise = camera(noise=[12, 12]).degrade(gray, (200, 200), "a").astype(float) - 128
    assert noise.std() == pytest.approx(12, rel=0.02)
    assert abs(noise.mean()) < 0.2
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02


def test_blur_spreads_a_point_as_a_gaussian_does() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    wide = camera(blur=[1.0, 1.0]).degrade(point, (41, 41), "a").astype(float)[..., 0]
    axis = np.arange(41) - 20
    expected = 255 * np.exp(-(axis[:, None] ** 2 + axis**2) / 2) / (2 * np.pi)
    assert np.abs(wide - expected).max() <= 1  # it is rounded, and its kernel is cut off


def test_jpeg_is_that_of_pillow(image: Pixels) -> None:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=70)
    assert np.array_equal(camera(jpeg=[70, 70]).degrade(image, (48, 64), "a"), np.asarray(Image.open(stream)))


def test_every_image_is_degraded_in_its_own_way_which_the_seed_decides(image: Pixels) -> None:
    made = {
        (seed, name): camera(noise=[0, 50], seed=seed).degrade(image, (48, 64), name).tobytes()
        for seed in (0, 1)
        for name in ("a", "b")
    }
    assert len(set(made.values())) == 4


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"noise": [5, 1]}, "must be the smallest value and then the largest"),
        ({"noise": [-1, 1]}, "greater than or equal to 0"),
        ({"jpeg": [0, 50]}, "greater than or equal to 1"),
        ({"blur": [1]}, "blur"),
    ],
)
def test_a_range_that_is_none_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        camera(**fields)


@pytest.mark.parametrize("name", ["matlab", "pillow"])
def test_a_reduction_needs_a_scale_to_reduce_by(name: str) -> None:
    assert "scale 1" in Degradation.of(name).unfit(1)
    assert not Degradation.of(name).unfit(2)


def test_unchanged_is_for_scale_1_alone(image: Pixels) -> None:
    unchanged = Degradation.of("none")
    assert not unchanged.unfit(1)
    assert "scale 2" in unchanged.unfit(2)
    assert np.array_equal(unchanged.degrade(image, (48, 64), "a"), image)


DENOISING = """\
name: denoising
scale: 1
space: {name: skeleton, channels: 6, body: [residual], bits: [4, 8], operations: [native]}
data:
  train: {name: dead-leaves, amount: 12, size: 32}
  test: {leaves: {name: dead-leaves, amount: 2, size: 48, seed: 1}}
  validation: 2
  patch: 8
  degradation: {name: camera, noise: [20, 30]}
search: {steps: 4, epochs: 2, batch: 2}
train: {steps: 4, batch: 2, validations: 2}
"""


@pytest.fixture
def denoising(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(DENOISING)
    return path


def baselines(out: str) -> list[str]:
    """What the rows of a table of scores are called that stand below a network's."""
    return [line.split()[0] for line in out.splitlines() if line.startswith(" ") and line.count(" dB") == 2]


def test_a_spec_with_scale_1_runs_from_start_to_report(denoising: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = denoising.parent / "run"
    assert invoke(["check", str(denoising)]) == 0
    assert invoke(["run", str(denoising), "--out", str(out)]) == 0
    assert baselines(capsys.readouterr().out) == ["input"]
    folder = RunFolder(out)
    assert "short of the input on leaves" in folder.read_text("report.html")
    scores = folder.read_json("result.json")["test"]["leaves"]
    assert 0 < scores["psnr_y"] < scores["bicubic"]["psnr_y"]  # the key stays, for whoever reads it
    images = denoising.parent / "images"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(images / "a.png")
    assert invoke(["upscale", str(out), str(images / "a.png"), "--tile", "0"]) == 0
    with Image.open(images / "a_x1.png") as cleaned:
        assert cleaned.size == (24, 20)
    (images / "a_x1.png").unlink()
    capsys.readouterr()
    assert invoke(["evaluate", str(out), "--data", str(images)]) == 0
    assert baselines(capsys.readouterr().out) == ["input"]
    assert invoke(["run", str(denoising), "--out", str(out), "--resume"]) == 0


def test_a_degradation_that_can_not_do_the_scale_is_refused_in_a_line(
    denoising: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "run"):
        assert invoke([command, str(denoising), "--set", "data.degradation=matlab"]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith("--set data.degradation: 'matlab' leaves an image as it is at scale 1: use another")
    assert invoke(["check", str(denoising), "--set", "scale=2", "--set", "data.degradation=none"]) == 2
    assert "scale 2 needs smaller ones" in capsys.readouterr().err
