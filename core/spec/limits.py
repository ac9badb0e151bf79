"""Limits on costs: numbers with a prefix and a unit, such as ``4.6G``, ``40k``, ``20 kB`` and ``12 ms``."""

import difflib
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from qnas.core.components import Cost, costs_with
from qnas.core.drawing.wording import PREFIXES, SMALL_PREFIXES, divided
from qnas.core.registry import plugins
from qnas.core.settings import invalid
from qnas.core.settings.settings import FrozenDict

_FACTORS = {"": 1, **{prefix: int(factor) for factor, prefix in reversed(PREFIXES)}}
_MICRO = "\N{MICRO SIGN}"
_SMALL = {"": Decimal(1), **{prefix: Decimal(repr(part)) for part, prefix in SMALL_PREFIXES}, "u": Decimal("1e-6")}
_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?|\.[0-9]+"
_LARGEST = 2**53  # up to where whole numbers are exact as floats
_SCHEMA: JsonSchemaValue = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": rf"^\s*({_NUMBER})\s*[kKMGT]?\s*[A-Za-z{_MICRO}]*\s*$"},
    ]
}


def _read(value: Any, info: ValidationInfo) -> Any:
    """The limits as whole numbers, rounded down: costs are whole numbers too."""
    if not isinstance(value, Mapping):
        return value
    if "costs" not in info.data:  # they are wrong: whether names of costs are right can't be known
        return {}
    costs = costs_with(info.data["costs"])
    for name in value:
        if name not in costs:
            near = difflib.get_close_matches(str(name), costs, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            invalid("Spec", f"no such cost{hint} (costs: {', '.join(costs)}){_way(name)}", name, name)
    return {name: _amount(limit, name, costs[name]) for name, limit in value.items()}


def _way(name: Any) -> str:
    """How a spec gets a registered cost of that name, ``""`` if there is none."""
    registry = plugins().registries["cost"]
    if name not in {entry.name for entry in registry}:
        return ""
    fields = registry.load(name).model_fields.items()
    required = ", ".join(f"{field}: ..." for field, info in fields if info.is_required())
    return f"; add costs: {{{name}: {{{required}}}}}"


def _amount(value: Any, name: str, cost: Cost) -> int:
    number = _parsed(value, cost.unit) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal) or not math.isfinite(number):
        got = str(value).lower() if isinstance(value, bool) else repr(value)
        invalid("Spec", f"must be a number, {_form(cost.unit)} (got {got})", value, name)
    if not 0 <= number < _LARGEST:
        invalid("Spec", f"must be at least 0 and less than {_LARGEST:,} (got {value})", value, name)
    return math.floor(number)


def _form(unit: str) -> str:
    """How a limit in a unit is written."""
    part, base = divided(unit)
    if part < 1:
        return f"with its unit: 12 m{base} or 900 u{base}"
    return "with k, M, G or T if need be: 4.6G" + (f" or 4.6 G{unit}" if unit else "")


def _parsed(text: str, unit: str) -> Decimal | None:
    """The number that a text says, in this unit; None if it says none."""
    match = re.fullmatch(rf"\s*({_NUMBER})\s*([kKMGT]?)\s*(?:{re.escape(unit)})?\s*", text, re.ASCII)
    if match:
        return Decimal(match[1]) * _FACTORS[match[2].replace("K", "k")]
    part, base = divided(unit)
    prefixes = "|".join(_SMALL)
    match = re.fullmatch(rf"\s*({_NUMBER})\s*({prefixes})\s*{re.escape(base)}\s*", text) if part < 1 else None
    return Decimal(match[1]) * _SMALL[match[2]] / Decimal(repr(part)) if match else None


LimitsByName = Annotated[
    dict[str, int],
    BeforeValidator(_read, json_schema_input_type=dict[str, Any]),
    AfterValidator(FrozenDict),
]
"""The most that a network may cost, by the cost's name."""


def described_limits(always: list[str]) -> JsonSchemaValue:
    """The JSON Schema of the field, with these costs as the names that an editor offers."""
    return {"properties": dict.fromkeys(always, _SCHEMA), "additionalProperties": _SCHEMA}
