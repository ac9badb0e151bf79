"""The fields of a model, as a table."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from qnas.core.registry import BY_NAME
from qnas.core.settings.documentation import describe_field, field_docs

from .markdown import code, escaped, table

TITLES = ("field", "type", "default", "what it is")


def fields_table(model: type[BaseModel], presets: Mapping[str, Any], names: list[str]) -> str:
    """A table of these fields of ``model``, whose defaults ``presets`` override."""
    return table(TITLES, (field_row(model, name, presets.get(name)) for name in names))


def field_row(model: type[BaseModel], name: str, preset: Any = None) -> tuple[str, ...]:
    """Name, type, default and meaning of one field."""
    kind, default = describe_field(model.model_fields[name], preset)
    shown = default if default == "required" else code(default) or "empty"
    return code(name), linked(kind), shown, escaped(field_docs(model).get(name, ""))


def linked(kind: str) -> str:
    """A type in words; a kind of component links to its page."""
    words = kind.replace(" | ", " or ").replace("text -> ", "mapping of text to ")
    return re.sub(rf"\b({'|'.join(BY_NAME)})\b", lambda kind: f"[{kind[0]}]({BY_NAME[kind[0]].plural}.md)", words)
