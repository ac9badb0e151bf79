"""Mappings of names to components: a key is the component's name unless ``name`` says another."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import JsonSchemaValue


def named_by_key(value: Any) -> Any:
    """``{entropy: {weight: 1}}`` written out as ``{entropy: {name: entropy, weight: 1}}``."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: {"name": key, **(fields or {})} if isinstance(fields, Mapping | None) else fields
        for key, fields in value.items()
    }


def described_by_key(reference: JsonSchemaValue) -> dict[str, JsonSchemaValue]:
    """The properties of such a field in JSON Schema, made of the schema of what its keys stand for."""
    return {
        member["properties"]["name"]["const"]: _without_name(member)
        for member in reference["anyOf"]
        if "properties" in member
    }


def _without_name(member: JsonSchemaValue) -> JsonSchemaValue:
    """A component's schema without need of its name; ``null`` stands for one that needs no other field either."""
    required = [field for field in member["required"] if field != "name"]
    return {**member, "type": "object" if required else ["object", "null"], "required": required}
