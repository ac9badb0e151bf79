"""Whether specs lack the same fields."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from qnas.core.components import Component
from qnas.core.settings import SPEC_VERSION, Settings
from qnas.core.spec import Spec
from qnas.core.spec.lacking import BY_KEY, lack_the_same

from ...synthetic_runs import SPEC, with_fields

NEW = {**SPEC, "version": SPEC_VERSION}


def without(path: str) -> dict[str, Any]:
    """A spec that lacks a field."""
    spec = inner = with_fields(NEW, {})
    *parents, last = path.split(".")
    for key in parents:
        inner = inner[key]
    del inner[last]
    return spec


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "other", "seed": 7, "scale": 2},
        {"train.steps": 1, "space.bits": [2]},
        {"search": {"name": "random", "samples": 3}},
        {"regularizers": {}},
        {"regularizers.own": {"name": "cost", "weight": 1}},
        {"data.test": {"own": {"name": "folder", "path": "elsewhere"}}},
        {"data.train": "dead-leaves", "precision": None},
    ],
)
def test_specs_with_the_same_fields_lack_the_same(changes: Mapping[str, Any]) -> None:
    assert lack_the_same([NEW, with_fields(NEW, changes)])


@pytest.mark.parametrize(
    "path", ["precision", "train.start", "data.patch", "space.channels", "regularizers.cost.weight"]
)
def test_a_field_that_one_of_them_lacks_is_noticed(path: str) -> None:
    assert lack_the_same([without(path), without(path)])
    assert not lack_the_same([NEW, NEW, without(path)])


def test_fields_in_lists_count() -> None:
    one, other = (
        {**NEW, "space": {"name": "basic", "slots": [{"role": "body", **more}]}} for more in ({}, {"bits": 4})
    )
    assert lack_the_same([one, one])
    assert not lack_the_same([one, other])


def test_an_older_version_lacks_what_came_later() -> None:
    assert lack_the_same([])
    assert not lack_the_same([SPEC, SPEC])
    assert not lack_the_same([{**NEW, "version": SPEC_VERSION - 1}])


def mappings(settings: Settings, path: str = "") -> Iterator[str]:
    """The fields that map the keys of a user to something, outside components."""
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        if isinstance(value, Mapping):
            yield f"{path}{field}"
        elif isinstance(value, Settings) and not isinstance(value, Component):
            yield from mappings(value, f"{path}{field}.")


def test_the_mappings_of_a_spec_are_known() -> None:
    spec = Spec(name="any", train={"loss": "l1"})
    assert {*mappings(spec), "search.loss"} == BY_KEY  # a searcher is a component, but this field all have
