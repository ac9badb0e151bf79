"""From a YAML file to a Spec, with every mistake reported as file:line:column."""

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qnas.core.components.space import EVERY_ROLE
from qnas.core.errors import InputError, plainly
from qnas.core.registry import given_plugin_files
from qnas.core.spec.document import Assignment, Document, read_document
from qnas.core.spec.messages import message
from qnas.core.spec.spec import Spec
from qnas.core.spec.yaml_nodes import Dumper, Where
from qnas.core.visible import one_line

S = TypeVar("S", bound=BaseModel)
_LONGEST = 60
_LONGEST_LINE = 1000


@dataclass(frozen=True)
class SpecFile:
    """A spec and the file that it was read from."""

    spec: Spec
    document: Document

    @contextlib.contextmanager
    def locate_errors(self) -> Iterator[None]:
        """Add the line of the spec to errors that come from one of its fields."""
        try:
            yield
        except InputError as error:
            if not error.field:
                raise
            raise InputError(_at(self.document.place(error.field), error.field, str(error))) from error.__cause__


Overrides = Sequence[str | Assignment] | Mapping[str, Any]
"""Assignments, or texts ``key.path=value`` as for ``--set``, of which later ones win; or values by their paths."""


@plainly
def load_spec(path: str | Path, overrides: Overrides = ()) -> Spec:
    """Read and validate a spec.

    Args:
        path: A YAML file. A spec without a name gets the file's name.
        overrides: Values by the paths of their fields, as ``{"limits.bitops": "100M"}``, or texts ``key.path=value`` as
            for ``--set``; later ones win.

    Raises:
        InputError: The message has one line for each mistake.
    """
    return read_spec(Path(path), overrides).spec


def read_spec(path: Path, overrides: Overrides = ()) -> SpecFile:
    """Read and validate a spec, and keep where it says what.

    Args:
        path: See :func:`load_spec`.
        overrides: See :func:`load_spec`.

    Raises:
        InputError: The message has one line for each mistake.
    """
    document = open_spec(path, overrides)
    return SpecFile(validate(document, Spec), document)


def open_spec(path: Path, overrides: Overrides = ()) -> Document:
    """The content of a spec, not validated: see :func:`read_spec`."""
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise InputError("a spec is a mapping of fields", document.place(()))
    for assignment in _assignments(overrides):
        document.override(assignment)
    _add_given_plugins(document.data)
    document.data.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip(".-_") or "run")
    return document


def _add_given_plugins(data: dict[str, Any]) -> None:
    """Add the plugin files that the command line names."""
    stated, given = data.get("plugins") or [], given_plugin_files()
    if given and isinstance(stated, list):
        known = {Path(file) for file in stated if isinstance(file, str)}
        data["plugins"] = [*stated, *(file for file in given if Path(file) not in known)]


def _assignments(overrides: Overrides) -> Iterator[Assignment]:
    if isinstance(overrides, Mapping):
        yield from (Assignment(path, value, f"overrides {one_line(path)}") for path, value in overrides.items())
    else:
        yield from (Assignment.read(text) if isinstance(text, str) else text for text in overrides)


def validate(document: Document, model: type[S], context: Mapping[str, Any] | None = None) -> S:
    """The group of fields that a document states.

    Args:
        document: The document.
        model: The type of the group.
        context: Passed to its validators.

    Raises:
        InputError: The message has one line for each mistake.
    """
    try:
        return model.model_validate(document.data, context=context)
    except ValidationError as error:
        raise InputError("\n".join(describe(error, document))) from None


def dump_spec(spec: Spec) -> str:
    """The spec as YAML with every default filled in."""
    return dump(spec.model_dump(mode="json"))


def dump(data: Any) -> str:
    """Plain data as YAML, with keys in their own order."""
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def describe(error: ValidationError, document: Document) -> list[str]:
    """One line for each mistake: where, which field, what would be valid."""
    mistakes = error.errors(include_url=False)
    lines = {_line(details, document) for details in mistakes if not _follows(details, mistakes)}
    return sorted(lines, key=_line_and_column)


def _line_and_column(line: str) -> tuple[list[int], str]:
    place = re.match(r".*?:(\d+):(\d+): ", line)
    return [int(number) for number in place.groups()] if place else [sys.maxsize], line


def _follows(details: ErrorDetails, mistakes: Sequence[ErrorDetails]) -> bool:
    """Whether a mistake only follows from another: a list is too short because its members are wrong."""
    loc = details["loc"]
    inside = (other["loc"] for other in mistakes if len(other["loc"]) > len(loc))
    return details["type"] == "too_short" and any(other[: len(loc)] == loc for other in inside)


def _line(details: ErrorDetails, document: Document) -> str:
    path = _written_path(details["loc"], document.data)
    text = message(details)
    by_key = details["loc"][-1:] == ("name",) and path[-1:] != ("name",)  # the key is the name
    place = document.place(path, of_key=by_key or text.startswith(("unknown field", "no such role", "no such cost")))
    hint = document.hints.get(path, "") if text.startswith("unknown field") else ""
    return _at(place, path, f"{text}{hint}")


def _at(place: str, path: Where, text: str) -> str:
    """A line that says what is wrong with a field; it names the field once, since a place may be ``--set a.b``."""
    field = ".".join(map(_key, path)) or "spec"
    line = one_line(text if place.endswith(f" {field}") else f"{field}: {text}")
    return f"{place}: {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + '...'}"


def _key(part: str | int) -> str:
    """A part of a path; quoted if it hardly looks like a key."""
    text = str(part)
    return text if re.fullmatch(r"[^\s'\"]{1,60}", text) else repr(text[:_LONGEST])


def _written_path(loc: Where, data: Any) -> Where:
    """``loc`` without parts that are not in the file: pydantic's marks, a bare list's role, a name given by a key."""
    path: list[str | int] = []
    for part in loc:
        if part in ("[key]", EVERY_ROLE, "name") and path and not (isinstance(data, dict) and part in data):
            continue
        path.append(part)
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            data = None
    return tuple(path)
