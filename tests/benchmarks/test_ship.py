"""The script that makes a model of a run."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.run.deployment.found import load_found

SMALL = {
    "scale": 2,
    "space": {"name": "skeleton", "channels": 4, "body": ["residual"]},
    "data": {
        "train": {"name": "dead-leaves", "amount": 6, "size": 48},
        "test": {"leaves": {"name": "dead-leaves", "amount": 1, "size": 48, "seed": 1}},
        "validation": 2,
        "patch": 8,
    },
    "train": {"steps": 2, "batch": 2, "validations": 1},
}


def run(folder: Path, name: str, **fields: object) -> Path:
    spec = SMALL | {"name": name, **fields}
    spec["space"] = {**SMALL["space"], **fields.get("space", {})}  # type: ignore[dict-item]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec))
    assert invoke(["run", str(folder / f"{name}.yaml"), "--out", str(folder / name)]) == 0
    return folder / name


@pytest.mark.slow
def test_it_writes_what_commands_need_and_a_card_of_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    ship = importlib.import_module("ship")
    monkeypatch.setattr(ship, "THREADS", (1,))
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    floating = run(tmp_path, "float", space={"bits": ["float"]})
    space = {"bits": [4, 8], "weights": str(floating / "model.safetensors")}
    found = run(tmp_path, "found", space=space, search="sensitivity", limits={"bitops": "30M"})
    between = tmp_path / "between"
    assert invoke(["derive", str(found), "--between", "8", "--steps", "2", "--out", str(between)]) == 0
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photos/noise.png")
    out, test = tmp_path / "model", f"noise={tmp_path / 'photos'}"
    arguments = [str(found), "--float", str(floating), "--between", str(between), "--test", test, "--out", str(out)]
    done = CliRunner().invoke(ship.main, arguments)
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in out.iterdir()) == sorted([*ship.KEPT, "card.md"])
    card, network = (out / "card.md").read_text(), load_found(out, "cpu")  # type: ignore[arg-type]
    assert card.startswith("# model\n\nEnlarges 2 times.")
    for row in ("| bicubic | ", "| float | ", "| model | ", "| openvino ", "| onnxruntime ", "| head.0 | "):
        assert f"\n{row}" in card, row
    assert "| PSNR Y, SSIM Y | noise | leaves |" in card
    assert network.scale == 2
