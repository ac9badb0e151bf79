"""Messages about invalid fields, in the user's words."""

from typing import Any

from pydantic_core import ErrorDetails

_MESSAGES = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "model_type": "must be a mapping of fields",
    "model_attributes_type": "must be a mapping of fields",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must start with a letter or digit and have only letters, digits, '.', '_' and '-'",
}
_BARE = {"missing", "too_short"}  # the given value adds nothing
_LONGEST = 60


def message(details: ErrorDetails) -> str:
    """One clause that says what would be valid, and what was given."""
    kind = details["type"]
    if kind == "qnas":
        return details["msg"]
    if kind in _MESSAGES:
        text = _MESSAGES[kind].format(**details.get("ctx", {}))
    else:
        text = details["msg"].removeprefix("Value error, ").replace("Input should ", "must ")
        text = text[0].lower() + text[1:]
    if kind in _BARE:
        return text
    meant = _as_list(details["input"]) if text.startswith("must be a list") else ""
    return f"{text} (got {_shown(details['input'])}{meant})"


def _as_list(value: Any) -> str:
    """How to write a list with that value, or with the values in a text."""
    if not isinstance(value, str | int | float):
        return ""
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else [_shown(value)]
    written = f"[{', '.join(filter(None, parts))}]"
    return f"; write {written}" if len(written) <= _LONGEST else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
