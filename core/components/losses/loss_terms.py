"""Fields of a spec that name losses: one, or a weighted sum."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from qnas.core.components.keyed import described_by_key, named_by_key
from qnas.core.components.losses.loss import Loss
from qnas.core.settings import Frozen, invalid


def _terms(value: Any) -> Any:
    """A name as a sum of one; weights as fields."""
    if isinstance(value, str):
        return {value: Loss.of(value)}
    if not isinstance(value, Mapping):
        return invalid("Loss", "must be the name of a loss, or a mapping of names to weights", value)
    if isinstance(value.get("name"), str):
        return invalid("Loss", f"is no loss: write {{{value['name']}: {{...}}}}", value["name"], "name")
    return named_by_key({key: _fields(key, given) for key, given in value.items()})


def _fields(key: str, given: Any) -> Any:
    """The fields that a weight stands for, or the given ones."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"weight": given}
    if given is None or isinstance(given, Mapping | str | Loss):
        return given
    return invalid("Loss", f"must be a weight, or a mapping of a loss's fields (got {given!r})", given, key)


def _refuse_nothing(terms: dict[str, Loss]) -> dict[str, Loss]:
    """Without a term of any weight, there is nothing to learn."""
    if not any(loss.weight for loss in terms.values()):
        invalid("Loss", "must have at least one loss with a weight above 0", dict(terms))
    return terms


class _Described:
    """The JSON Schema of such a field as users write it."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        mapping = handler(schema)
        reference = handler.resolve_ref_schema(mapping["additionalProperties"])
        names: list[str] = next((member["enum"] for member in reference.get("anyOf", []) if "enum" in member), [])
        by_key = described_by_key(reference) if names else {}
        weight = {"type": "number", "minimum": 0}
        mapping["properties"] = {name: {"anyOf": [weight, fields]} for name, fields in by_key.items()}
        return {"anyOf": [{"type": "string", "enum": names}, mapping]}


LossTerms = Annotated[Frozen[Loss], BeforeValidator(_terms), AfterValidator(_refuse_nothing), _Described()]
"""Losses by name, whose weighted sum is minimized."""
