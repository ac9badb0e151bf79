"""Fields of a spec that map names to components: a key is the component's name unless ``name`` says another."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import JsonSchemaValue

from qnas.core.components import Cost, Regularizer, by_key
from qnas.core.registry import plugins
from qnas.core.settings import Frozen, invalid

NO_COSTS: Final = frozenset(
    {
        *("discretization_gap_db", "float_work", "images", "seconds", "size_bytes", "test", "ties"),
        *("entropy", "epoch", "loss", "objective", "probabilities", "psnr", "sample", "step", "supernet_psnr"),
    }
)
"""What result.json and the history call their other fields: no cost can be called that."""


def _named_by_key(value: Any) -> Any:
    """``{entropy: {weight: 1}}`` written out as ``{entropy: {name: entropy, weight: 1}}``."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: {"name": key, **(fields or {})} if isinstance(fields, Mapping | None) else fields
        for key, fields in value.items()
    }


def _refuse_misleading(costs: dict[str, Cost]) -> dict[str, Cost]:
    """A key that is a registered name stands for no other cost."""
    registered = {entry.name for entry in plugins().registries["cost"]}
    for key, cost in costs.items():
        if key in NO_COSTS:
            invalid("Spec", "is what a run's records call another figure: give the cost another key", key, key)
        if key in registered and cost.name != key:
            invalid("Spec", f"is the name of another cost than '{cost.known_as}': give it another key", key, key)
    return costs


def _with_costs(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if "costs" not in info.data:  # they are wrong: whether names of costs are right can't be known
        return {}
    with by_key(info.data["costs"]):
        return handler(value)


CostsByName = Annotated[Frozen[Cost], BeforeValidator(_named_by_key), AfterValidator(_refuse_misleading)]
"""Costs by name."""
RegularizersByName = Annotated[Frozen[Regularizer], BeforeValidator(_named_by_key), WrapValidator(_with_costs)]
"""Regularizers by name. A cost that one refers to by a key of ``costs`` is the one that stands there."""


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
