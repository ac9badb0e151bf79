"""The JSON Schema that editors check a spec with."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from qnas.core.registry import BY_NAME, plugins
from qnas.core.spec import Spec

SPECS = Path(__file__).parents[3] / "specs"
SWEEPS = {*SPECS.glob("experiments/*.yaml")} - {*SPECS.glob("experiments/protocol-*.yaml")}


@pytest.fixture(scope="module")
def validator():
    schema = Spec.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def plain() -> dict[str, object]:
    """A ready spec, to be made wrong in one place."""
    spec: dict[str, object] = yaml.safe_load((SPECS / "quickstart.yaml").read_text())
    return spec


@pytest.mark.parametrize("path", sorted({*SPECS.rglob("*.yaml")} - SWEEPS), ids=lambda path: path.stem)
def test_a_ready_spec_is_valid(validator, path):
    assert validator.is_valid(yaml.safe_load(path.read_text()))


def test_a_spec_needs_no_name(validator, plain):
    del plain["name"]
    assert validator.is_valid(plain)


@pytest.mark.parametrize(
    "right",
    [
        {"space": "basic"},
        {"space": {"name": "basic", "bits": [4, [4, 8], 32]}},
        {"space": {"name": "basic", "bits": {"weights": [2, 4], "activations": [4, "float"]}}},
        {"space": {"name": "basic", "operations": ["conv3x3", {"name": "conv", "kernel": 5}]}},
        {"space": {"name": "basic", "operations": {"body": ["conv3x3"], "all": ["native"]}}},
        {"data": {"train": {"name": "folder", "path": "a", "lr_path": "b"}}},
        {"regularizers": {"mine": {"name": "cost", "cost": "params"}}},
        {"regularizers": {"entropy": {"weight": 0.1}, "cost": None}},
        {"space": {"channels": 9}},
        {"space": {"extends": "rfdn", "body": ["rfdb", {"block": "residual", "repeat": 2}, {"name": "chain"}]}},
        {"space": {"name": "rfdn", "body": [{"block": "rfdb", "residual": {"name": "adq"}}]}},
        {"space": {"name": "basic", "slots": [{"match": "body.*", "bits": [[4, 8]]}, {"match": "tail", "keep": 8}]}},
        {"space": {"name": "basic", "bits": ["float"], "slots": [{"match": "tail", "keep": "float"}]}},
        {"space": {"name": "module", "target": "a.b:C", "arguments": {"d": [1, {"target": "e:f"}]}}},
        {"search": {"steps": 40}},
        {"quantizer": {"train": {"name": "split", "weights": {"name": "split", "activations": "lsq"}}}},
        {"data": {"augment": "flips", "crop": {"size": 48, "stride": 24, "lr": "made"}}},
        {"target": {"name": "litert", "size": "64x48"}, "export": [{"name": "openvino", "size": "720p"}]},
    ],
    ids=str,
)
def test_short_and_long_forms_are_valid(validator, plain, right):
    assert validator.is_valid({**plain, **right})


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": "two"},
        {"scale": 0},
        {"skale": 2},
        {"name": "a/b"},
        {"device": "gpu"},
        {"space": "basik"},
        {"space": {"name": "basic", "chanels": 9}},
        {"space": {"name": "basic", "bits": 4}},
        {"space": {"name": "basic", "bits": []}},
        {"space": {"name": "basic", "bits": {"weights": [2, 4]}}},
        {"space": {"name": "basic", "bits": {"weights": [2, 4], "activations": []}}},
        {"space": {"name": "basic", "bits": {"weights": [2, 4], "activations": [4], "bits": [4]}}},
        {"space": {"name": "basic", "bits": {"weights": [64], "activations": [4]}}},
        {"space": {"name": "basic", "operations": {"body": ["conv9x9"]}}},
        {"quantizer": {"search": "lqs"}},
        {"data": {"patch": 4}},
        {"train": {"batch": 0}},
        {"search": {"name": "random", "relaxation": "softmax"}},
        {"space": {"name": "basic", "bits": [64]}},
        {"data": {"train": {"name": "folder"}}},
        {"regularizers": {"entropy": {"wait": 1}}},
        {"regularizers": {"mine": {"weight": 1}}},
        {"data": {"test": {}}},
        {"space": {"name": "rfdn", "extends": "rfdn"}},
        {"space": {"extends": "rfnd"}},
        {"space": {"extends": "rfdn", "body": []}},
        {"space": {"extends": "rfdn", "body": [{"block": "rfbd"}]}},
        {"space": {"extends": "rfdn", "body": [{"block": "rfdb", "repeet": 2}]}},
        {"space": {"extends": "rfdn", "body": [{"repeat": 2}]}},
        {"space": {"name": "basic", "slots": [{"keep": 8}]}},
        {"space": {"name": "basic", "slots": [{"match": "tail", "keep": "flaot"}]}},
        {"space": {"name": "module"}},
        {"quantizer": {"train": {"name": "split", "weights": "lqs"}}},
        {"data": {"augment": "turns"}},
        {"target": {"name": "litert", "size": 64}},
        {"export": [{"name": "openvino", "size": "720"}]},
    ],
    ids=str,
)
def test_a_wrong_spec_is_refused(validator, plain, wrong):
    assert not validator.is_valid({**plain, **wrong})


def test_every_registered_component_is_in_it():
    text = str(Spec.model_json_schema())
    kinds = [kind.name for kind in BY_NAME.values() if kind.in_specs]
    assert [e.name for kind in kinds for e in plugins().registries[kind] if f"'{e.name}'" not in text] == []
