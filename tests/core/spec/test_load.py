"""A spec is read, filled in with defaults, written, and read again."""

import copy
import pickle
import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import ValidationError

from qnas.core.components import Quantizer
from qnas.core.errors import InputError, as_input_error, from_field
from qnas.core.search.searcher import Searcher
from qnas.core.settings import Widths
from qnas.core.spec import Spec, dump_spec, load_spec, read_spec

SPECS = Path(__file__).parents[3] / "specs"
FULL = """
name: full-1.0_b
seed: 5
scale: 3
device: cpu
precision: bfloat16
space:
  name: basic
  channels: 12
  cells: 1
  variant: A
  bits: [2, [4, 8], 32]
  residual: adadm
  image_residual: nearest
  operations:
    body: [native, {name: conv, kernel: 5, dilation: 2}, {name: conv3x3, dilation: 3}]
    all: [conv1x1]
data:
  train: {name: dead-leaves, amount: 12, seed: 4}
  test: {a: photos, b: {name: dead-leaves, amount: 3}}
  validation: 2
  patch: 9
  augment: false
quantizer: {search: hwgq, train: none}
search: {name: random, samples: 3, learning_rate: 1e-4}
regularizers:
  mine: {name: cost, cost: params, weight: 1e-5}
  l1: {}
train: {steps: 7, batch: 2, learning_rate: 3e-4, validations: 3, clip: 0.5}
"""


@pytest.mark.parametrize("text", [FULL, "seed: 3\n"], ids=["many non-defaults", "all defaults"])
def test_a_spec_written_out_reads_as_the_same_spec(load, text):
    spec = load(text)
    written = dump_spec(spec)
    assert load(written) == spec
    assert dump_spec(load(written)) == written


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_ready_spec_written_out_reads_as_the_same_spec(tmp_path, path):
    spec = load_spec(path)
    (tmp_path / "written.yaml").write_text(dump_spec(spec))
    assert load_spec(tmp_path / "written.yaml") == spec


def test_a_spec_of_ones_own_images_can_be_written_out(load):
    spec = load("data: {train: {name: folder, path: some/where}, test: {a: {name: folder, path: /else}}}\n")
    assert load(dump_spec(spec)) == spec


def test_what_is_written_out_has_every_default(load):
    written = yaml.safe_load(dump_spec(load("seed: 3\n")))
    assert list(written) == list(Spec.model_fields)
    assert written["search"]["name"] == "differentiable"
    assert written["data"]["train"] == {"name": "dead-leaves", "amount": 128, "size": 128, "seed": 0}
    assert written["regularizers"]["cost"]["cost"] == {"name": "bitops"}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scale=st.sampled_from([2, 3, 4]),
    channels=st.sampled_from([3, 12]),
    bits=st.lists(
        st.integers(2, 16) | st.just(32) | st.lists(st.integers(2, 16), min_size=2, max_size=2),
        min_size=1,
        max_size=4,
        unique_by=lambda bits: (bits, bits) if isinstance(bits, int) else tuple(bits),
    ),
    train=st.sampled_from(["lsq", "hwgq", "none"]),
    searcher=st.sampled_from(["random", "differentiable"]),
    rate=st.floats(1e-12, 1e6),
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
)
def test_any_spec_written_out_reads_as_the_same_spec(load, scale, channels, bits, train, searcher, rate, name):
    spec = Spec.model_validate(
        {
            "name": name,
            "scale": scale,
            "space": {"name": "basic", "channels": channels, "cells": 1, "bits": bits},
            "quantizer": {"train": train},
            "search": searcher,
            "train": {"learning_rate": rate},
        }
    )
    assert load(dump_spec(spec)) == spec


def test_a_spec_without_a_name_has_the_files(tmp_path):
    path = tmp_path / "my-run.v2.yaml"
    path.write_text("scale: 2\n")
    assert load_spec(path).name == "my-run.v2"


def test_defaults_are_components_not_their_names(load):
    spec = load("scale: 2\n")
    assert isinstance(spec.quantizer.search, Quantizer)
    assert isinstance(spec.search, Searcher)
    assert spec.space.bits == (Widths(4, 4), Widths(8, 8))
    assert spec.regularizers["cost"].cost.name == "bitops"
    assert spec.data.test["photos"].name == "photos"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("search: {steps: 40}\n", "search: {name: differentiable, steps: 40}\n"),
        ("space: {cells: 2}\n", "space: {name: basic, cells: 2}\n"),
        ("data: {train: {amount: 20}}\n", "data: {train: {name: dead-leaves, amount: 20}}\n"),
    ],
)
def test_a_component_without_a_name_is_the_default_one(load, text, named):
    assert load(text) == load(named)


def test_a_regularizer_is_named_by_its_key_or_by_itself(load):
    regularizers = load("regularizers: {l1: , size: {name: cost, cost: params}}\n").regularizers
    assert {key: r.name for key, r in regularizers.items()} == {"l1": "l1", "size": "cost"}


def test_a_spec_is_immutable(load):
    spec = load("scale: 2\n")
    for part, field in ((spec, "scale"), (spec.space, "channels"), (spec.train, "steps"), (spec.search, "steps")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, 3)


def test_the_mappings_of_a_spec_are_immutable_too(load):
    spec = load("scale: 2\n")
    for mapping in (spec.data.test, spec.regularizers, spec.space.operations):
        with pytest.raises(TypeError):
            mapping["more"] = spec.data.train


def test_a_spec_can_be_hashed(load):
    assert hash(load("scale: 2\n")) == hash(load("scale: 2\n"))


def test_equal_specs_have_equal_hashes(load):
    first = load("data: {test: {a: photos, b: dead-leaves}}\n")
    second = load("data: {test: {b: dead-leaves, a: photos}}\n")
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda spec: pickle.loads(pickle.dumps(spec))], ids=["copy", "pickle"]
)
def test_a_spec_can_be_copied_and_pickled(load, copied):
    spec = load(FULL)
    assert copied(spec) == spec


def test_an_error_of_a_field_found_later_is_reported_where_the_field_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text("scale: 2\ndata:\n  train: dead-leaves\n")
    file = read_spec(Path("spec.yaml"), ["data.patch=30"])

    def told(*field: str) -> str:
        with pytest.raises(InputError) as caught, file.locate_errors(), from_field(*field):
            raise InputError("is broken", "photo.png")
        return str(caught.value)

    assert told("data", "train") == "spec.yaml:3:10: data.train: photo.png: is broken"
    assert told("data", "patch") == "--set data.patch: photo.png: is broken"
    assert told("data", "test", "photos") == "spec.yaml:3:3: data.test.photos: photo.png: is broken"


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("scale: two", ()),
        ("scale: [", ()),
        ("scale: 2024-13-45T", ("seed=[",)),
        ("scale: \x01", ()),
        (b"scale: \xff", ()),
        (None, ()),
    ],
)
def test_a_script_shows_the_mistake_without_the_ways_in_which_it_was_found(tmp_path, text, overrides):
    path = tmp_path / "spec.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_spec(path, overrides)
    assert "\n\n" not in "".join(traceback.format_exception(caught.value))  # which parts a chain


def test_what_others_code_raised_is_still_shown(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("scale: 2\n")
    with (
        pytest.raises(InputError) as caught,
        read_spec(path).locate_errors(),
        from_field("scale"),
        as_input_error("net"),
    ):
        raise KeyError("in the code of others")
    assert isinstance(caught.value.__cause__, KeyError)
    assert "".join(traceback.format_exception(caught.value)).count("direct cause") == 1


def test_an_error_that_comes_from_no_field_stays_as_it_is(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("scale: 2\n")
    with pytest.raises(InputError) as caught, read_spec(path).locate_errors():
        raise InputError("is broken", "photo.png")
    assert str(caught.value) == "photo.png: is broken"


def test_the_innermost_field_is_the_one_that_is_reported():
    with pytest.raises(InputError) as caught, from_field("data"), from_field("data", "train"):
        raise InputError("is broken")
    assert caught.value.field == ("data", "train")
