"""The ablation of what a training can do runs small, and its page has the kept figures."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from qnas.core.spec import read_spec

from .conftest import FOLDER

pytestmark = pytest.mark.slow


@pytest.fixture
def ablation(benchmark, monkeypatch: pytest.MonkeyPatch):
    """The ablation of a tiny network, trained for a moment on few small images."""
    module = benchmark("ablation")
    small = {"name": "skeleton", "channels": 6, "body": [{"block": "residual"}], "image_residual": "bicubic"}
    monkeypatch.setattr(module, "NETWORKS", {**module.NETWORKS, "skeleton": module.Network(small, 0.002)})
    monkeypatch.setattr(module, "GENERATED", {"name": "dead-leaves", "amount": 12, "size": 64})
    for constant, value in {"PATCH": 8, "BATCH": 1}.items():
        monkeypatch.setattr(module, constant, value)
    return module


def test_options_of_the_training_are_set_against_scratch(ablation, tmp_path: Path, monkeypatch) -> None:
    out, options = tmp_path / "figures.json", ("scratch", "all but branches")

    def run(*more: str):
        chosen = [part for option in options for part in ("--option", option)]
        given = ["--network", "skeleton", "--steps", "4", "--seeds", "1", "--threads", "1", "--out", str(out)]
        return CliRunner().invoke(ablation.main, [*given, *chosen, *more])

    done = run()
    assert done.exit_code == 0, done.output
    before, after = json.loads(out.read_text())["rows"]
    assert (before["cpu_seconds"].keys(), after["cpu_seconds"].keys()) == ({"train"}, {"float", "train"})
    change = f"{after['psnr_y']['photos'] - before['psnr_y']['photos']:+.2f} dB"
    last = done.output.splitlines()[-1]
    assert last.startswith("| all but branches | 2 in float, 2 | ") and change in last

    monkeypatch.setattr(ablation.Experiment, "row", lambda *_: pytest.fail("it is in the file"))
    assert last in run("--markdown").output
    assert last in run().output
    assert "has rows with a different setting" in run("--steps", "6").output


@pytest.mark.skipif(find_spec("spandrel") is None, reason="pip install --no-deps spandrel, as the Makefile does")
@pytest.mark.parametrize("network", ["skeleton", "compact of spandrel"])
def test_every_option_is_one_of_both_networks(network: str, ablation, tmp_path: Path) -> None:
    """Branches and all: what they train is checked, and every option differs from all others."""
    experiment = ablation.Experiment(4, 1, [], {})
    specs = []
    for option in ablation.OPTIONS:
        file = tmp_path / "spec.yaml"
        file.write_text(yaml.safe_dump(experiment.spec(ablation.Case(network, option, 0))))
        specs.append(read_spec(file).spec)
    assert len({spec.model_dump_json() for spec in specs}) == len(ablation.OPTIONS)
    total = {spec.train.steps + (spec.train.float_steps or 0) for spec in specs}
    assert total == {4, 8}  # distillation from scratch, whose teacher is trained too, and twice the steps


def test_the_page_about_training_has_the_table_of_the_kept_figures(benchmark) -> None:
    kept = json.loads((FOLDER / "results/ablation.json").read_text())
    assert benchmark("ablation").markdown(kept) in (FOLDER.parent / "docs/training.md").read_text()
