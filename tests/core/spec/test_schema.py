"""The JSON Schema that editors check a spec with."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from qnas.core.registry import KINDS, plugins
from qnas.core.spec import Spec

QUICKSTART = Path(__file__).parents[3] / "specs" / "quickstart.yaml"


@pytest.fixture(scope="module")
def validator():
    schema = Spec.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def plain() -> dict[str, object]:
    """The ready spec without what the schema wrongly refuses, so that it can be made wrong in one place."""
    spec = yaml.safe_load(QUICKSTART.read_text())
    return {**spec, "search": {"name": "differentiable", **spec["search"]}, "regularizers": {}}


def test_a_spec_that_names_all_components_is_valid(validator, plain):
    assert validator.is_valid(plain)


@pytest.mark.parametrize("field", ["search", "regularizers"])
@pytest.mark.xfail(strict=True, reason="a search without a name and regularizers named by key are not in the schema")
def test_the_ready_spec_is_valid(validator, plain, field):
    assert validator.is_valid({**plain, field: yaml.safe_load(QUICKSTART.read_text())[field]})


@pytest.mark.xfail(strict=True, reason="name is required, though a file's name stands in for it")
def test_a_spec_needs_no_name(validator, plain):
    del plain["name"]
    assert validator.is_valid(plain)


@pytest.mark.parametrize(
    "right",
    [
        {"space": "basic"},
        {"space": {"name": "basic", "bits": [4, [4, 8], 32]}},
        {"space": {"name": "basic", "operations": ["conv3x3", {"name": "conv", "kernel": 5}]}},
        {"space": {"name": "basic", "operations": {"body": ["conv3x3"], "all": ["native"]}}},
        {"data": {"train": {"name": "folder", "path": "a", "lr_path": "b"}}},
        {"regularizers": {"mine": {"name": "cost", "cost": "params"}}},
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
        {"space": {"name": "basic", "operations": {"body": ["conv9x9"]}}},
        {"quantizer": {"search": "lqs"}},
        {"data": {"patch": 4}},
        {"data": {"test": {}}},
        {"train": {"steps": 0}},
        {"search": {"name": "random", "relaxation": "softmax"}},
        pytest.param(
            {"space": {"name": "basic", "bits": [64]}},
            marks=pytest.mark.xfail(strict=True, reason="any whole number is taken for a bit-width"),
        ),
        pytest.param(
            {"data": {"train": {"name": "folder"}}},
            marks=pytest.mark.xfail(strict=True, reason="required fields of a component are not in the schema"),
        ),
    ],
    ids=str,
)
def test_a_wrong_spec_is_refused(validator, plain, wrong):
    assert not validator.is_valid({**plain, **wrong})


def test_every_registered_component_is_in_it():
    text = str(Spec.model_json_schema())
    assert [e.name for kind in KINDS for e in plugins().registries[kind] if f"'{e.name}'" not in text] == []
