"""Every ready spec passes ``qnas check`` and a run of a few steps."""

import json
from pathlib import Path

import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.registry import plugins
from qnas.core.sweep.plan import plan_points
from qnas.core.sweep.sweep_file import read_sweep

ROOT = Path(__file__).resolve().parents[2]
SWEEPS = [path for path in sorted((ROOT / "specs/experiments").glob("*.yaml")) if "protocol" not in path.name]
HEADLINE = ROOT / "specs/headline"
MODEL = ROOT / "plugins/models/x4-4g"
SPECS = [path for path in sorted((ROOT / "specs").rglob("*.yaml")) if path not in SWEEPS and path.parent != HEADLINE]

IMAGES = {
    "data.train": "{name: dead-leaves, amount: 20, size: 64}",
    "data.test": "{leaves: {name: dead-leaves, amount: 2, size: 64, seed: 1}}",
}
FEW_STEPS = {
    "data.validation": "2",
    "data.patch": "16",
    "search.steps": "2",
    "search.epochs": "2",
    "search.warmup": "0",
    "search.batch": "2",
    "train.steps": "2",
    "train.batch": "2",
    "train.validations": "1",
}
LARGE = IMAGES | {"data.train": "{name: dead-leaves, amount: 20, size: 200}"}  # for a published patch or crop
CROPS = {  # of a stand-in image that has four
    "data.train": "{name: dead-leaves, amount: 6, size: 72}",
    "data.crop.size": "64",
    "data.crop.stride": "7",
}


def options(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def content(path: Path) -> dict[str, object]:
    read: dict[str, object] = yaml.safe_load(path.read_text())
    return read


def has_own_images(path: Path) -> bool:
    return any(f"name: {dataset}" in path.read_text() for dataset in ("folder", "pack"))


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_ready_spec_passes_check_and_runs(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "transformers" in spec.read_text():
        pytest.importorskip("transformers")
    is_cut = "crop:" in spec.read_text()
    assert invoke(["check", str(spec), *options(LARGE if has_own_images(spec) else {})]) == 0
    shown = capsys.readouterr().out
    assert "BitOps" in shown
    assert ("train are cut into crops of 200 x 200, one every 70 pixels" in shown) == is_cut
    out = tmp_path / "out"
    smaller = CROPS | {"space.channels": "12"} if is_cut else {}
    if "float_steps" in spec.read_text():
        smaller |= {"train.float_steps": "2"}
    assert invoke(["run", str(spec), "--out", str(out), *options(IMAGES | FEW_STEPS | smaller)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["test"]["leaves"]["psnr_y"] > 5
    assert (out / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x4-4g", "x4-2g"])
def test_the_headline_starts_from_the_float_weights_of_its_first_spec(name: str, tmp_path: Path) -> None:
    small = {"space.channels": "6", "space.body": "[{block: residual, repeat: 1}]", "train.steps": "2"}
    small |= {"train.batch": "2", "train.validations": "1", "data.patch": "16", "data.validation": "2", **IMAGES}
    before, out = tmp_path / "float", tmp_path / name
    assert invoke(["run", str(HEADLINE / "float.yaml"), "--out", str(before), *options(small)]) == 0
    small |= {"space.weights": str(before / "model.safetensors"), "limits.bitops": "70M"}
    small |= {"search.batch": "2", "search.tuning": "2"}
    assert invoke(["run", str(HEADLINE / f"{name}.yaml"), "--out", str(out), *options(small)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert 35e6 < result["bitops"]["32x32"] <= 70e6
    assert {"found", "uniform 4"} <= set(result["judged"])


@pytest.mark.slow
def test_the_headline_that_is_trained_longer_has_the_bits_of_the_model(tmp_path: Path) -> None:
    small = {"train.steps": "2", "train.batch": "2", "train.validations": "1", "data.validation": "2", **LARGE}
    small |= {"space.weights": str(MODEL / "model.safetensors")}
    assert invoke(["run", str(HEADLINE / "x4-4g-longer.yaml"), "--out", str(tmp_path / "out"), *options(small)]) == 0
    ours, model = (json.loads((run / "architecture.json").read_text()) for run in (tmp_path / "out", MODEL))
    assert ours["slots"] == model["slots"]


def test_there_is_a_spec_of_every_space() -> None:
    spaces = [content(path)["space"] for path in SPECS]
    used = {space.get("name", space.get("extends")) for space in spaces if isinstance(space, dict)}
    assert used == {entry.name for entry in plugins().registries["space"] if entry.distribution == "qnas"}


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_every_point_of_an_experiment_is_a_valid_spec(sweep: Path) -> None:
    points = plan_points(read_sweep(sweep), [f"{key}={value}" for key, value in IMAGES.items()])
    compared = {"searched", "uniform", "mixed", "direct"} if "claims" in sweep.name else {"alternating"}
    assert compared < {point.variant for point in points}
    assert {point.spec.seed for point in points} == {0, 1, 2}
