"""Loading the found network of a run: it is the one that was trained, and errors are one line."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from qnas.core.errors import InputError
from qnas.core.run.deployment.found import load_found

from ...found_run import edit_spec, write_run

CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("train", ["lsq", "hwgq", "none"])
def test_it_is_the_network_that_was_written(tmp_path, train):
    network = write_run(tmp_path, scale=3, train=train)
    found = load_found(tmp_path, CPU)
    assert found.scale == 3
    assert not found.network.training
    image = torch.rand(1, 3, 9, 12)
    with torch.no_grad():
        assert torch.equal(found.network(image), network(image))


def test_images_and_plugins_that_the_network_does_not_need_may_be_gone(run):
    edit_spec(run, "data", "train", value={"name": "folder", "path": "/nowhere"})
    edit_spec(run, "search", value={"name": "somebody's"})
    edit_spec(run, "quantizer", "search", value={"name": "somebody's"})
    assert load_found(run, CPU).scale == 2


@pytest.mark.parametrize(("said", "meant"), [("matlab", "matlab"), ("pillow", "pillow"), (None, "pillow")])
def test_lr_images_are_made_as_they_were_for_the_run(run, said, meant):
    """Runs from before there was a choice used Pillow's reduction."""
    edit_spec(run, "data", "degradation", value=said)
    assert load_found(run, CPU).degradation.label == meant


def refused(run: Path) -> str:
    with pytest.raises(InputError) as error:
        load_found(run, CPU)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_without_a_run(tmp_path):
    assert refused(tmp_path / "none") == f"{tmp_path / 'none'}: there is no run in the folder (no spec.yaml in it)"
    (tmp_path / "file").write_text("")
    assert "there is no run in the folder" in refused(tmp_path / "file")


def test_a_run_that_has_not_come_so_far(run):
    (run / "model.safetensors").unlink()
    assert refused(run) == f"{run}: the run has not trained a network yet (no model.safetensors in it)"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("spec.yaml", "quantizer: [", "spec.yaml:1:"),
        ("spec.yaml", "quantizer: {search: noise}", "spec.yaml: is damaged: it does not say quantizer.train"),
        ("spec.yaml", "- 1", "spec.yaml: is damaged: it is not a mapping"),
        ("architecture.json", "{", "architecture.json: "),
        ("architecture.json", None, "architecture.json: can't be read: the run is incomplete or damaged"),
        ("model.safetensors", "cut", "model.safetensors: can't be read: "),
        ("model.safetensors", "", "model.safetensors: can't be read: "),
    ],
)
def test_a_damaged_file_is_named(run, name, content, said):
    (run / name).unlink() if content is None else (run / name).write_text(content)
    assert refused(run).startswith(f"{run}/{said}")


def test_a_missing_plugin_is_told_by_what_it_would_have_registered(run):
    architecture = json.loads((run / "architecture.json").read_text())
    architecture["space"] = {"name": "ghost", "channels": 8}
    (run / "architecture.json").write_text(json.dumps(architecture))
    assert refused(run).startswith(f"{run}/architecture.json: space.name: no space is named 'ghost'")
    write_run(run)
    edit_spec(run, "quantizer", "train", value={"name": "tqt"})
    assert refused(run).startswith(f"{run}/spec.yaml: quantizer.train.name: no quantizer is named 'tqt'")


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_weights_of_another_network_are_refused(run, change):
    weights = safetensors.torch.load_file(run / "model.safetensors")
    name = "tail.1.operation.weight"
    value = weights.pop(name)
    if change == "more":
        weights |= {name: value, "tail.2.operation.weight": value.clone()}
    if change == "shape":
        weights[name] = value[:1].clone()
    safetensors.torch.save_file(weights, run / "model.safetensors")
    said = refused(run)
    assert said.startswith(f"{run}/model.safetensors: is not of the network in architecture.json")
    assert said.endswith("tail.2.operation.weight" if change == "more" else name)
