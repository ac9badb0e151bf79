"""A component is its own configuration: made from YAML, written as the shortest YAML, immutable."""

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

import qnas
from qnas.core.components import Component, Cost, Dataset, Operation, Quantizer, Regularizer, Residual, Space
from qnas.core.errors import QnasError
from qnas.core.registry import KINDS, plugins
from qnas.plugins.operations.convolution import Convolution, Depthwise


def interface(kind: str) -> type[Component]:
    found: type[Component] = getattr(qnas, kind.capitalize())
    return found


def needs_fields(kind: str, name: str) -> bool:
    return any(field.is_required() for field in plugins().registries[kind].load(name).model_fields.values())


EVERY = [(kind, entry.name) for kind in KINDS for entry in plugins().registries[kind]]
READY = [(kind, name) for kind, name in EVERY if not needs_fields(kind, name)]
every_ready_component = pytest.mark.parametrize(("kind", "name"), READY, ids=[" ".join(pair) for pair in READY])


@every_ready_component
def test_a_component_with_its_defaults_is_written_as_its_name(kind, name):
    component = interface(kind).of(name)
    assert component.name == name
    assert component.reference() == name
    assert component.label == name
    assert interface(kind).of({"name": name}) == component


@every_ready_component
def test_a_component_is_the_same_when_all_its_fields_are_written_out(kind, name):
    component = interface(kind).of(name)
    assert interface(kind).of(component.model_dump(mode="json")) == component


@every_ready_component
def test_a_component_can_be_a_key(kind, name):
    assert {interface(kind).of(name): 1}[interface(kind).of(name)] == 1


@every_ready_component
def test_a_component_can_not_be_changed(kind, name):
    component = interface(kind).of(name)
    with pytest.raises(ValidationError, match="frozen"):
        component.name = "other"
    assert component.name == name


@every_ready_component
def test_a_component_refuses_fields_that_it_does_not_have(kind, name):
    with pytest.raises(ValidationError, match="unknown field"):
        interface(kind).of({"name": name, "no_such_field": 1})


def test_a_component_whose_fields_have_no_default_is_written_with_them():
    folder = Dataset.of({"name": "folder", "path": "images"})
    assert folder.reference() == {"name": "folder", "path": "images"}
    assert folder.label == "folder(path=images)"
    assert Dataset.of(folder.reference()) == folder
    assert hash(folder) == hash(Dataset.of(folder.reference()))


odd = st.integers(0, 20).map(lambda n: 2 * n + 1)
fields = st.fixed_dictionaries(
    {}, optional={"kernel": odd, "groups": st.integers(1, 64), "dilation": st.integers(1, 64)}
)


@settings(max_examples=100)
@given(name=st.sampled_from(["conv", "conv3x3", "conv5x5g2"]), fields=fields)
def test_an_operation_of_any_fields_comes_back_from_its_reference(name, fields):
    operation = Operation.of({"name": name, **fields})
    reference = operation.reference()
    again = Operation.of(reference)
    assert again == operation
    assert hash(again) == hash(operation)
    assert all(getattr(again, field) == value for field, value in fields.items())
    defaults = Operation.of(name)
    changed = {field: value for field, value in fields.items() if value != getattr(defaults, field)}
    assert reference == ({"name": name, **changed} if changed else name)


@settings(max_examples=50)
@given(fields=fields)
def test_an_operation_made_by_its_class_is_saved_under_the_name_that_changes_nothing(fields):
    made = Convolution(**fields)
    again = Operation.of(made.reference())
    assert again.name == "conv"
    assert again.model_dump(exclude={"name"}) == made.model_dump(exclude={"name"})


def test_a_class_that_has_presets_only_can_not_be_saved_without_its_name():
    with pytest.raises(QnasError, match="Depthwise is not registered"):
        Depthwise().reference()


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ("conv3x3", "conv3x3"),
        ({"name": "conv", "kernel": 5, "dilation": 2}, "conv(kernel=5, dilation=2)"),
        ({"name": "conv5x5", "kernel": 5}, "conv5x5"),
        ({"name": "conv5x5", "kernel": 3}, "conv5x5(kernel=3)"),
    ],
)
def test_a_label_says_what_differs_from_the_defaults(reference, label):
    assert Operation.of(reference).label == label


def test_a_reference_is_short_inside_too():
    cost = Regularizer.of({"name": "cost", "cost": "params"})
    assert Regularizer.of(cost.reference()) == cost
    space = Space.of({"name": "basic", "operations": ["conv3x3"], "bits": [2, [4, 8]]})
    assert Space.of(space.reference()) == space


def test_a_reference_names_the_components_inside_as_shortly_as_it_can():
    assert Regularizer.of({"name": "cost", "cost": "params"}).label == "cost(cost=params)"
    space = Space.of({"name": "basic", "operations": ["conv3x3"]})
    assert space.reference() == {"name": "basic", "operations": {"all": ["conv3x3"]}}


@pytest.mark.parametrize("cost", ["params", {"name": "params"}, Cost.of("params")], ids=["name", "mapping", "object"])
def test_a_field_of_an_interfaces_type_takes_a_name_a_mapping_or_a_component(cost):
    assert Regularizer.of({"name": "cost", "cost": cost}).cost == Cost.of("params")


@pytest.mark.parametrize("value", [3, None, ["lsq"], {"bits": 4}, Residual.of("plain")], ids=str)
def test_what_is_no_reference_is_refused(value):
    with pytest.raises(ValidationError, match="must be the name of a quantizer, or a mapping with 'name'"):
        Quantizer.of(value)


def test_an_unknown_name_is_told_with_the_nearest_and_where_to_look():
    with pytest.raises(ValidationError) as caught:
        Quantizer.of({"name": "lqs"})
    (error,) = caught.value.errors()
    assert error["loc"] == ("name",)
    assert error["msg"] == "no quantizer is named 'lqs'; did you mean 'lsq'? (see: qnas list quantizers)"


def test_an_unknown_field_is_told_with_the_nearest_and_the_valid_ones():
    with pytest.raises(ValidationError) as caught:
        Operation.of({"name": "conv", "kernal": 5})
    (error,) = caught.value.errors()
    assert error["loc"] == ("kernal",)
    assert error["msg"] == "unknown field; did you mean 'kernel'? (fields: branches, kernel, groups, dilation)"


def test_the_name_is_not_proposed_as_a_field():
    with pytest.raises(ValidationError) as caught:
        Operation.of({"name": "conv", "nam": 5})
    assert caught.value.errors()[0]["msg"] == "unknown field (fields: branches, kernel, groups, dilation)"


def test_messages_are_good_english():
    with pytest.raises(ValidationError, match="the name of an operation"):
        Operation.of(3)
