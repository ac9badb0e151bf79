"""``--set key.path=value``: works like the same field in the file, and errors point at it."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

BASE = """
scale: 2
space:
  name: basic
  bits: [4, 8]
  operations:
    body: [conv3x3, conv5x5]
data:
  train: dead-leaves
  test:
    mine: photos
"""


def test_a_field_is_set(load):
    assert load(BASE, "scale=3").scale == 3


def test_a_nested_field_is_set_and_its_neighbours_stay(load):
    spec = load(BASE, "space.channels=9")
    assert (spec.space.channels, spec.space.bits) == (9, load(BASE).space.bits)


def test_a_group_that_the_spec_does_not_have_is_made(load):
    assert load(BASE, "train.steps=5").train.steps == 5


def test_a_new_key_of_a_mapping_is_made(load):
    test = load(BASE, "data.test.more={name: dead-leaves, amount: 2}").data.test
    assert list(test) == ["mine", "more"]
    assert test["more"].amount == 2


def test_the_bare_name_of_a_component_becomes_a_mapping(load):
    train = load(BASE, "data.train.amount=5").data.train
    assert (train.name, train.amount) == ("dead-leaves", 5)


def test_a_component_that_the_spec_does_not_write_out_takes_fields(load):
    assert load(BASE, "search.steps=50").search.steps == 50
    assert load(BASE, "regularizers.entropy.weight=0.5").regularizers["entropy"].weight == 0.5


def test_a_default_component_takes_fields_too(load):
    assert load("scale: 2\n", "data.train.amount=5").data.train.amount == 5


def test_an_item_of_a_list_is_set(load):
    spec = load(BASE, "space.operations.body.1=conv1x1")
    assert [o.label for o in spec.space.operations["body"]] == ["conv3x3", "conv1x1"]


def test_a_field_of_an_item_of_a_list_is_set(load):
    spec = load(BASE, "space.operations.body.0.dilation=2")
    assert spec.space.operations["body"][0].label == "conv3x3(dilation=2)"


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("2", 2.0), ("'3'", 3.0)], ids=["exponent", "whole", "quoted"]
)
def test_a_value_is_read_as_yaml(load, text, value):
    assert load(BASE, f"train.learning_rate={text}").train.learning_rate == value


def test_a_value_may_have_an_equals_sign(mistakes):
    (told,) = mistakes(BASE, "name=a=b")
    assert told.endswith("(got 'a=b')")


def test_later_ones_win(load):
    assert load(BASE, "scale=3", "data.patch=32", "scale=4").scale == 4


FORM = "must be key=value, such as search.steps=50"
REFUSED = {
    "no value": ("scale", "--set scale", FORM),
    "no key": ("=3", "--set =3", FORM),
    "empty part": ("data..patch=3", "--set data..patch=3", FORM),
    "broken YAML": ("scale=[1", "--set scale", "this is not valid YAML: "),
    "only a comment": (
        "scale=# 3",
        "--set scale",
        "must be a whole number (got nothing)",
    ),
    "duplicate key": (
        "data={patch: 9, patch: 10}",
        "--set data",
        "duplicate key 'patch' (first on line 1)",
    ),
    "duplicate key with a colon": ("data={'a: b': 1, 'a: b': 2}", "--set data", "duplicate key 'a: b'"),
    "past the end": ("space.bits.2=2", "--set space.bits.2", "'2' is not an index into a list of 2"),
    "before the start": ("space.bits.-3=2", "--set space.bits.-3", "'-3' is not an index into a list of 2"),
    "not a number": ("space.bits.--1=4", "--set space.bits.--1", "'--1' is not an index into a list of 2"),
    "a digit that is none": ("space.bits.²=4", "--set space.bits.²", "'²' is not an index into a list of 2"),
    "word in a list": ("space.bits.all=2", "--set space.bits.all", "'all' is not an index into a list of 2"),
    "through a list": ("space.bits.9.x=2", "--set space.bits.9.x", "'9' is not an index into a list of 2"),
    "into a number": ("scale.x=2", "--set scale.x", "no fields"),
    "through a number": ("scale.x.y=2", "--set scale.x.y", "no fields"),
    "wrong value": ("scale=two", "--set scale", "must be a whole number (got 'two')"),
    "nothing": ("scale=", "--set scale", "must be a whole number (got nothing)"),
    "no such day": ("seed=2024-13-45", "--set seed", "must be a whole number (got '2024-13-45')"),
    "out of range": ("data.patch=1", "--set data.patch", "greater than or equal to 8 (got 1)"),
    "unknown component": ("space.name=basik", "--set space.name", "did you mean 'basic'?"),
    "unknown group": ("dato.patch=9", "--set dato.patch: dato", "unknown field; did you mean 'data'?"),
    "unknown field": ("data.ptach=9", "--set data.ptach", "did you mean 'patch'?"),
    "field of a default": (
        "quantizer.train.foo=1",
        "--set quantizer.train.foo",
        "unknown field",
    ),
    "field of a new group": (
        "data={train: photos, test: {mine: foto}}",
        "--set data: data.test.mine",
        "did you mean 'photos'?",
    ),
    "item": ("space.bits.0=64", "--set space.bits.0", "(got 64)"),
    "field of a component": ("search.stpes=3", "--set search.stpes", "unknown field; did you mean 'steps'?"),
    "no list": ("space.bits=8", "--set space.bits", "must be a list (got 8; write [8])"),
    "no brackets": ("space.bits=4,8", "--set space.bits", "must be a list (got '4,8'; write [4, 8])"),
    "no brackets in a mapping": (
        "space={name: basic, bits: 4, 8}",
        "--set space",
        "a key must be a word (got 8); a list needs brackets: bits: [4, 8]",
    ),
    "item of a new list": ("space.bits=[2, 64]", "--set space.bits: space.bits.1", "(got 64)"),
}


@pytest.mark.parametrize(("assignment", "where", "gist"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_points_at_the_option(mistakes, assignment, where, gist):
    (told,) = mistakes(BASE, assignment)
    assert told.startswith(f"{where}: ")
    assert gist in told


def test_mistakes_of_the_file_keep_their_place(mistakes):
    told = mistakes("scale: two\nseed: -1\n", "scale=3", "data.patch=1")
    assert [line.split(": ")[0] for line in told] == ["spec.yaml:2:7", "--set data.patch"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["scale", "seed", "data.patch", "train.steps", "train.batch", "space.cells", "search.steps"]),
        st.sampled_from([2, 3, 4]),
    )
)
def test_setting_fields_is_the_same_as_writing_them(load, chosen):
    chosen = {path: 100 * value if path not in {"scale", "space.cells"} else value for path, value in chosen.items()}
    written: dict[str, object] = {"space": {"name": "basic"}}
    for path, value in chosen.items():
        group, _, field = path.rpartition(".")
        (written.setdefault(group, {}) if group else written)[field] = value
    spec = load("space: basic\n", *(f"{path}={value}" for path, value in chosen.items()))
    assert spec == load(yaml.safe_dump(written))
