"""A network with weights, searched over operations that start from what stood there."""

import json
import shutil
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file

from qnas.core.cli.main import invoke
from qnas.core.components import Space
from qnas.core.network.warm import fitting, start as warm
from qnas.core.run.stages import searching
from qnas.core.settings import as_of

NETWORK = '''
from torch import nn
import torch.nn.functional as F


class Residual(nn.Module):
    """As EDSR: residual blocks, and no way for the image around the twelve convolutions."""

    def __init__(self, width=16, blocks=4):
        super().__init__()
        outputs = [width] * (2 * blocks + 2) + [4 * width, 3]
        inputs = [3] + [width] * (2 * blocks + 3)
        self.body = nn.ModuleList(nn.Conv2d(*size, 3, padding=1) for size in zip(inputs, outputs))

    def forward(self, x):
        first, *body, end, up, last = self.body
        begin = x = first(x)
        for one, two in zip(body[::2], body[1::2]):
            x = x + two(one(x).relu())
        return last(F.pixel_shuffle(up(begin + end(x)), 2))


class Small(nn.Module):
    """conv - ReLU - conv - ReLU - conv - pixel shuffle, beside a bilinear image."""

    def __init__(self, width=12):
        super().__init__()
        sizes = ((3, width), (width, width), (width, 12))
        self.body = nn.ModuleList(nn.Conv2d(*size, 3, padding=1) for size in sizes)

    def forward(self, x):
        first, second, last = self.body
        made = F.pixel_shuffle(last(second(first(x).relu()).relu()), 2)
        return made + F.interpolate(x, scale_factor=2, mode="bilinear")
'''
SPANDREL = {"architecture": "Compact/SRVGG:SRVGGNetCompact", "num_feat": 12, "num_conv": 2, "upscale": 2}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "warm_nets.py").write_text(NETWORK)
    shutil.copy(Path(__file__).parents[2] / "benchmarks/spandrel_networks.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "warm_nets", raising=False)
    return tmp_path


def write_spec(weights: str = "module", **fields: object) -> None:
    space = {"name": "module", "target": "warm_nets:Small", "weights": weights, "bits": [8], **fields}
    spec = {
        "scale": 2,
        "device": "cpu",
        "space": {"operations": ["native", "conv5x5", "separable3x3", "conv1x1"], **space},
        "data": {
            "train": {"name": "dead-leaves", "amount": 8, "size": 96},
            "test": {"leaves": {"name": "dead-leaves", "amount": 1, "size": 48, "seed": 1}},
            "validation": 2,
            "patch": 24,
        },
        "search": {"steps": 2, "epochs": 1, "batch": 4},
        "train": {"steps": 2, "batch": 4, "validations": 1},
    }
    Path("spec.yaml").write_text(yaml.safe_dump(spec))


def searched(out: str) -> list[dict]:
    assert invoke(["run", "spec.yaml", "--until", "search", "--out", out]) == 0
    return [json.loads(line) for line in Path(out, "search/history.jsonl").read_text().splitlines()]


def few_steps(monkeypatch):
    monkeypatch.setattr(fitting, "_STEPS", 2)
    monkeypatch.setattr(warm, "_STEPS", 2)


def test_specs_of_earlier_versions_leave_the_others_fresh():
    fields = {"name": "module", "target": "warm_nets:Small", "weights": "module"}
    with as_of(2):
        assert Space.of(fields).others == "fresh"
    assert Space.of(fields).others == "fitted"


@pytest.mark.slow
def test_the_history_begins_with_how_good_each_operation_is(monkeypatch):
    few_steps(monkeypatch)
    write_spec(slots=[{"match": "body.2", "operations": ["native", "conv5x5"]}])
    first, second = searched("out")
    assert first["step"] == 0 and second["step"] == 2 and "warm_start_psnr" not in second
    assert list(first["warm_start_errors"]) == ["body.0", "body.1", "body.2"]
    assert first["warm_start_errors"]["body.2"] == {"native": 0, "conv5x5": 0}
    psnr = first["warm_start_psnr"]
    assert psnr["native"] == pytest.approx(psnr["conv5x5"], abs=1e-3)
    log = Path("out/run.log").read_text()
    assert "body.2 starts from its weights: native exactly, conv5x5 exactly" in log
    assert f"with conv1x1 wherever it is a candidate, PSNR is {psnr['conv1x1']:.2f} dB at the start" in log
    assert [line.get("warm_start_psnr") for line in _searched_fresh()] == [None]


def _searched_fresh() -> list[dict]:
    write_spec(others="fresh")
    return searched("fresh")


@pytest.mark.slow
def test_a_search_that_continues_is_not_warmed_again(monkeypatch):
    few_steps(monkeypatch)
    write_spec()
    monkeypatch.setattr("qnas.core.run.resuming.checkpoint.StageCheckpoints.begin", _begin_at_one)
    assert [line for line in searched("out") if line["step"] == 0] == []


def _begin_at_one(checkpoints) -> None:
    checkpoints._folder.begin_history(checkpoints.stage)
    checkpoints.step = 1


@pytest.mark.slow
@pytest.mark.parametrize(("start", "has_supernet"), [("weights", False), ("supernet", True)])
def test_networks_are_judged_from_what_the_training_starts_from(start, has_supernet, monkeypatch):
    few_steps(monkeypatch)
    given = []

    def judge(task, outcome, steps, batch):
        given.append(outcome.supernet)
        return outcome

    monkeypatch.setattr(searching, "best_of", judge)
    write_spec()
    assert invoke(["run", "spec.yaml", "--until", "search", "--out", "out", "--set", f"train.start={start}"]) == 0
    assert [one is not None for one in given] == [has_supernet]
    assert Path("out/search/supernet.safetensors").is_file()


def float_psnr_and_start(fields: dict) -> tuple[float, dict]:
    """Train a network shortly in float; its PSNR on the held-out images, and the first line of a search from there."""
    write_spec(**{**fields, "bits": ["float"], "operations": ["native"]})
    training = "train={steps: 300, batch: 8, validations: 1, learning_rate: 0.002}"
    assert invoke(["run", "spec.yaml", "--until", "train", "--out", "float", "--set", training]) == 0
    psnr = json.loads(Path("float/train/history.jsonl").read_text().splitlines()[-1])["psnr"]
    trained = load_file("float/model.safetensors")
    save_file({name.replace(".operation.", "."): value for name, value in trained.items()}, "float.safetensors")
    write_spec("float.safetensors", **fields)
    return psnr, searched("warm")[0]


NETWORKS = {
    "ours": {"target": "warm_nets:Small"},
    "residual": {"target": "warm_nets:Residual"},
    "spandrel's": {"target": "spandrel_networks:make", "arguments": SPANDREL},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [pytest.param(NETWORKS[name], id=name, marks=[pytest.mark.thorough] * (name == "residual")) for name in NETWORKS],
)
def test_a_supernet_begins_within_one_db_of_the_float_network(fields):
    if "spandrel" in fields["target"] and not any(distributions(name="spandrel")):
        pytest.skip("pip install --no-deps spandrel, as the Makefile does")
    psnr, first = float_psnr_and_start(fields)
    assert first["warm_start_psnr"]["native"] == pytest.approx(psnr, abs=0.02)
    assert first["warm_start_psnr"]["conv5x5"] == pytest.approx(psnr, abs=0.02)
    assert first["supernet_psnr"] > psnr - 1
