"""Every ready spec passes ``qnas check`` and a run of a few steps."""

import json
from pathlib import Path

import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.registry import plugins

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))

IMAGES = {
    "data.train": "{name: dead-leaves, amount: 20, size: 64}",
    "data.test": "{leaves: {name: dead-leaves, amount: 2, size: 64, seed: 1}}",
}
FEW_STEPS = {
    "data.validation": "2",
    "data.patch": "16",
    "search.steps": "2",
    "search.epochs": "2",
    "search.batch": "2",
    "train.steps": "2",
    "train.batch": "2",
    "train.validations": "1",
}


def options(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def content(path: Path) -> dict[str, object]:
    read: dict[str, object] = yaml.safe_load(path.read_text())
    return read


def has_own_images(path: Path) -> bool:
    return "folder" in path.read_text()


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_ready_spec_passes_check_and_runs(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "transformers" in spec.read_text():
        pytest.importorskip("transformers")
    assert invoke(["check", str(spec), *options(IMAGES if has_own_images(spec) else {})]) == 0
    assert "BitOps" in capsys.readouterr().out
    out = tmp_path / "out"
    assert invoke(["run", str(spec), "--out", str(out), *options(IMAGES | FEW_STEPS)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["test"]["leaves"]["psnr_y"] > 5
    assert (out / "report.html").is_file()


def test_there_is_a_spec_of_every_space() -> None:
    spaces = [content(path)["space"] for path in SPECS]
    used = {space.get("name", space.get("extends")) for space in spaces if isinstance(space, dict)}
    assert used == {entry.name for entry in plugins().registries["space"] if entry.distribution == "qnas"}
