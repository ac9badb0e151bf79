"""The documentation of a component: its prose and its fields, read from its docstrings."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from qnas.core.settings.bits import Widths

_WORDS: dict[Any, str] = {Widths: "bits", Path: "path", type(None): "nothing", str: "text"}
_SECTION = re.compile(r"^(Attributes|Note|Args|Raises|Returns):\s*$", re.MULTILINE)


def prose(component: type[Any]) -> str:
    """The docstring without its list of attributes."""
    text = inspect.cleandoc(component.__doc__ or "")
    parts = _SECTION.split(text)
    notes = [body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True) if title == "Note"]
    paragraphs = [parts[0].strip(), *(f"Note: {inspect.cleandoc(note)}" for note in notes)]
    return "\n\n".join(_unwrapped(paragraph) for text in paragraphs for paragraph in text.split("\n\n"))


def _unwrapped(paragraph: str) -> str:
    """A paragraph in one line, for the caller to wrap; one with indented lines stays unchanged."""
    return paragraph if re.search(r"^\s", paragraph, re.MULTILINE) else " ".join(paragraph.split())


def field_docs(component: type[Any]) -> dict[str, str]:
    """The description of each field in the ``Attributes:`` of the class and its bases."""
    found: dict[str, str] = {}
    for cls in component.__mro__:
        parts = _SECTION.split(inspect.cleandoc(cls.__dict__.get("__doc__") or ""))
        for title, body in zip(parts[1::2], parts[2::2], strict=True):
            if title == "Attributes":
                found = {**_attributes(body), **found}
    return found


def _attributes(body: str) -> dict[str, str]:
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", body, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def describe_field(info: FieldInfo, preset: Any = None) -> tuple[str, str]:
    """A field's type and default as a user would write them."""
    default = info.get_default(call_default_factory=True, validated_data={}) if preset is None else preset
    return type_label(info.annotation), "required" if default is PydanticUndefined else _plain(default)


def type_label(annotation: Any) -> str:
    """A type in words: ``list of operation``, ``A | B``, ``int``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_label(arguments[0])
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin is tuple:
        return f"list of {type_label(arguments[0])}"
    if origin is dict:
        return f"{type_label(arguments[0])} -> {type_label(arguments[1])}"
    if arguments:
        return " | ".join(map(type_label, arguments))
    return _one_word(annotation)


def _one_word(annotation: Any) -> str:
    """A type without parts in words; for a group of fields, its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and not hasattr(annotation, "kind"):
        return f"{{{', '.join(annotation.model_fields)}}}"
    return str(getattr(annotation, "kind", None) or _WORDS.get(annotation) or getattr(annotation, "__name__", "any"))


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_plain(inner)}' for key, inner in value.items())}}}"
    words = {None: "nothing", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
