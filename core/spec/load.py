"""From a YAML file to a Spec, with every mistake told as file:line:column."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qnas.core.errors import InputError, InputErrors
from qnas.core.spec.document import Document, Where, read_document
from qnas.core.spec.spec import Spec


def load_spec(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read and validate a spec.

    Args:
        path: A YAML file. A spec without a name gets the file's.
        overrides: ``key.path=value`` each, as of ``--set``.

    Raises:
        InputError: One line for each thing that is wrong.
    """
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise InputError("a spec is a mapping of fields", document.place(()))
    for assignment in overrides:
        document.override(assignment)
    document.data.setdefault("name", path.stem)
    try:
        return Spec.model_validate(document.data)
    except ValidationError as error:
        raise InputErrors(describe(error, document)) from error


def dump_spec(spec: Spec) -> str:
    """The spec as YAML with every default filled in."""
    text: str = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    return text


def describe(error: ValidationError, document: Document) -> list[str]:
    """One line for each mistake: where, which field, what would be valid."""
    lines = [_line(details, document) for details in error.errors(include_url=False)]
    return list(dict.fromkeys(lines))


def _line(details: ErrorDetails, document: Document) -> str:
    path = _real_path(details["loc"], document.data)
    message = _message(details)
    place = document.place(path, of_key="unknown field" in message)
    return f"{place}: {'.'.join(map(str, path)) or 'spec'}: {message}"


def _real_path(loc: Where, data: Any) -> Where:
    """``loc`` without the parts that pydantic adds to tell members of unions apart."""
    path: list[str | int] = []
    for part in loc:
        inside = isinstance(data, dict | list)
        if (inside and isinstance(data, dict) and part in data) or (inside and isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
        elif part in {"[key]", "all"}:
            continue
        else:
            data = None
        path.append(part)
    return tuple(path)


def _message(details: ErrorDetails) -> str:
    message, kind, value = details["msg"], details["type"], details["input"]
    if kind == "missing":
        return "is required"
    if kind == "qnas":
        return message
    message = message.removeprefix("Value error, ")
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        message = "must be a mapping of fields"
    elif kind == "tuple_type":
        message = "must be a list"
    elif kind == "string_pattern_mismatch":
        message = "must start with a letter or digit and have only letters, digits, '.', '_' and '-'"
    message = (
        message.replace("Input should ", "must ").split(", unable to parse")[0].split(", got a number")[0]
    )
    message = message[0].lower() + message[1:]
    shown = repr(value)
    return f"{message} (got {shown if len(shown) <= 60 else shown[:57] + '...'})"
