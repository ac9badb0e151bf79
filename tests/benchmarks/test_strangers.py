"""The benchmark of networks that others wrote runs small, and its page has the kept figures."""

import json
from importlib.metadata import distributions
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file
from skimage.data import chelsea

from qnas.core.components import Dataset, Degradation
from qnas.core.images.loading import load_images
from qnas.core.upscale.scoring import validate

from .conftest import FOLDER

pytestmark = pytest.mark.slow


@pytest.fixture
def strangers(benchmark, tmp_path: Path, monkeypatch):
    """The benchmark of networks that others wrote, on few small images, and the arguments of its command."""
    if not any(distributions(name="spandrel")):
        pytest.skip("pip install --no-deps spandrel, as the Makefile does")
    module, own = benchmark("strangers"), benchmark("own_networks")
    for name, value in {"STEPS": 2, "BATCH": 2, "CALIBRATED_ON": 4, "SEEDS": 1}.items():
        monkeypatch.setattr(module, name, value)
    for name, value in {"BATCH": 2, "TRIED": 3, "HELD_OUT": 2}.items():
        monkeypatch.setattr(own, name, value)
    steps_within = own._steps_within
    monkeypatch.setattr(own, "_steps_within", lambda *asked: steps_within(*asked) and 3)  # the same on every machine
    for part, amount in (("photos", 10), ("test", 2)):
        (tmp_path / part).mkdir()
        for index in range(amount):
            crop = chelsea()[20 * index : 20 * index + 112, 100:212]
            Image.fromarray(crop).save(tmp_path / part / f"{index}.png")
    folders = [argument for name in ("photos", "test", "weights") for argument in (f"--{name}", str(tmp_path / name))]
    return module, [*folders, "--minutes", "0.002", "--threads", "1", "--out", str(tmp_path / "figures.json")]


@pytest.mark.parametrize("name", ["compact", pytest.param("swin2sr", marks=pytest.mark.thorough)])
def test_networks_of_others_are_judged_in_float_calibrated_and_tuned(name, strangers, tmp_path, monkeypatch) -> None:
    module, arguments = strangers
    arguments += ["--network", name]
    done = CliRunner().invoke(module.main, arguments)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "figures.json").read_text())["rows"]
    psnr = {row["way"]: row["psnr_y"] for row in rows}
    assert list(psnr) == list(module.WAYS)
    assert abs(psnr["W8A8, not tuned"] - psnr["float"]) < abs(psnr["W4A4, not tuned"] - psnr["float"])
    assert len(set(psnr.values())) == len(module.WAYS)

    network = module.network(name)
    network.load_state_dict(load_file(tmp_path / "weights" / f"{name}.safetensors"))
    images = load_images(Dataset.of({"name": "folder", "path": str(tmp_path / "test")}), 4, Degradation.of("matlab"))
    expected, _ = validate(network.eval(), images, 4, torch.device("cpu"))
    assert psnr["float"] == pytest.approx(expected, abs=1e-4)

    table = module.markdown({"rows": rows})
    assert table in done.output
    assert f"{psnr['float']:.2f} dB" in table
    monkeypatch.setattr(module, "row_of", lambda *_: pytest.fail("it is in the file"))
    assert CliRunner().invoke(module.main, arguments).output == table
    assert CliRunner().invoke(module.main, [*arguments[-4:-2], "--markdown"]).output == table


def test_float_weights_are_trained_on_two_thirds_of_the_photographs(strangers, benchmark, tmp_path: Path) -> None:
    own, out = benchmark("own_networks"), tmp_path / "own"
    given = ["--photos", str(tmp_path / "photos"), "--out", str(out), "--network", "compact", "--minutes", "0.002"]
    done = CliRunner().invoke(own.main, given)
    assert done.exit_code == 0, done.output
    assert [len(list((out / part).iterdir())) for part in ("train", "test")] == [6, 4]
    weights = load_file(out / "compact.safetensors")
    assert any(not torch.equal(weights[key], value) for key, value in own.network("compact").state_dict().items())
    assert CliRunner().invoke(own.main, given).output == ""


def test_the_page_about_training_has_the_table_of_the_kept_figures(benchmark) -> None:
    kept = json.loads((FOLDER / "results/strangers.json").read_text())
    strangers = benchmark("strangers")
    assert strangers.markdown(kept) in (FOLDER.parent / "docs/training.md").read_text()
