"""The page of the spec's fields."""

from typing import Any, TypeGuard

from pydantic import BaseModel

from qnas.core.components import Component, SlotRule
from qnas.core.spec import Spec

from .fields import TITLES, field_row
from .markdown import code, docstring, heading, page, prose, table

_ABOUT = """\
A spec is a YAML file. `qnas check SPEC` says what is wrong with it, by line and column, and what its run will do.
`qnas schema` prints its JSON Schema, which editors use for completion and checks. On the command line,
`--set train.steps=200` overrides a field.

A field of type bits takes a number from 2 to 16, or `float`, for both weights and activations; or a pair: `[4, 8]`. If
the type is a kind of component, such as `quantizer`, the value is a component's name, or a mapping of `name` and its
fields: `lsq`, or `{name: ewgs, delta: 0.002}`. If a field's default is a component, the mapping can omit the name:
`search: {steps: 100}`."""

_ELSEWHERE = {"name": "the file's name"}
"""Defaults that are not stated in the model."""


def spec() -> str:
    """All fields of a spec, with a table for each group of fields."""
    return page("The spec", prose(_ABOUT), docstring(Spec, leave=["Attributes"]), *_tables(Spec, ""), *_rules())


def _tables(model: type[BaseModel], path: str) -> list[str]:
    rows = [_row(model, name, path) for name in model.model_fields]
    groups = {name: info.annotation for name, info in model.model_fields.items()}
    inner = [part for name, group in groups.items() if _is_group(group) for part in _group(group, f"{path}{name}")]
    return [table(TITLES, rows), *inner]


def _group(model: type[BaseModel], path: str) -> list[str]:
    return [heading(code(path)), docstring(model, leave=["Attributes"]), *_tables(model, f"{path}.")]


def _row(model: type[BaseModel], name: str, path: str) -> tuple[str, ...]:
    shown, kind, default, meaning = field_row(model, name)
    if _is_group(model.model_fields[name].annotation):
        return shown, "fields", f"see [`{path}{name}`](#{path}{name})", meaning
    return shown, kind, _ELSEWHERE.get(f"{path}{name}", default), meaning


def _is_group(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a field's type is a group of fields, not a component, which has its own page."""
    return isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Component)


def _rules() -> list[str]:
    rows = (field_row(SlotRule, name) for name in SlotRule.model_fields)
    return [
        heading(code("space.slots")),
        prose("Every space has a list of rules for single slots."),
        docstring(SlotRule, leave=["Attributes"]),
        table(TITLES, rows),
    ]
