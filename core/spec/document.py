"""YAML with positions: plain data, and the line and column that each value came from."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from qnas.core.errors import InputError
from qnas.core.spec.yaml_nodes import Key, Loader, Reader, Where


@dataclass
class Document:
    """A YAML file as data.

    Attributes:
        data: Mappings, lists and scalars.
        source: The file's path as it was given.
        values: Path of each value to its place, such as ``"spec.yaml:12:7"`` or ``"--set a.b"``.
        keys: The same for the key that stands before the value.
    """

    data: Any
    source: str
    values: dict[Where, str] = field(default_factory=dict)
    keys: dict[Where, str] = field(default_factory=dict)

    def place(self, path: Where, of_key: bool = False) -> str:
        """The place of what is at ``path``, or of the nearest thing that contains it."""
        if of_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return self.source

    def override(self, assignment: str) -> None:
        """Apply ``key.path=value``, the value read as YAML.

        Raises:
            InputError: It has no ``=``, its value is no YAML, or its path leads through a value or past a list.
        """
        path, equals, text = assignment.partition("=")
        where = f"--set {path}"
        if not equals or not all(path.split(".")):
            raise InputError("must be key=value, such as search.steps=50", f"--set {assignment}")
        self._assign(path.split("."), _value(text, where), where)

    def _assign(self, keys: list[str], value: Any, where: str) -> None:
        target, path = self.data, Where()
        for key in keys[:-1]:
            place = _place_in(target, key, where)
            path = (*path, place)
            if place not in _places(target):
                self.values[path] = self.keys[path] = where
            target[place] = target = _container(target[place] if place in _places(target) else None)
        last = _place_in(target, keys[-1], where)
        self._forget((*path, last))
        target[last] = value
        self.values[*path, last] = self.keys[*path, last] = where

    def _forget(self, path: Where) -> None:
        """Forget where everything stood that is replaced."""
        for places in (self.values, self.keys):
            for old in [old for old in places if old[: len(path)] == path]:
                del places[old]


def _places(container: Any) -> Collection[Key]:
    return range(len(container)) if isinstance(container, list) else container


def _place_in(container: Any, key: str, where: str) -> Any:
    """``key`` as what looks a place up in ``container``.

    Raises:
        InputError: There is no such place in a list, or it is no container.
    """
    if isinstance(container, dict):
        return key
    if not isinstance(container, list):
        raise InputError(f"'{key}' can't be set: what stands there has no fields", where)
    if not key.isdecimal() or int(key) >= len(container):
        raise InputError(f"'{key}' is no place in a list of {len(container)}", where)
    return int(key)


def _container(inner: Any) -> Any:
    """``inner`` to look further into: a component's bare name becomes a mapping, nothing an empty one."""
    if isinstance(inner, str):
        return {"name": inner}
    return {} if inner is None else inner


def _value(text: str, where: str) -> Any:
    try:
        return parse(text, where).data
    except InputError as error:  # a line and column within the option would only confuse
        raise InputError(re.sub(r"^:\d+:\d+: ", "", str(error).removeprefix(where)), where) from error


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        InputError: It can't be read, is no YAML, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"can't read the spec: {reason}", str(path)) from error
    document = parse(text, str(path))
    if document.data is None:
        raise InputError("the spec is empty", f"{path}:1:1")
    return document


def parse(text: str, source: str) -> Document:
    """Read YAML from a text that came from ``source``.

    Raises:
        InputError: It is no YAML, has a key twice, or goes beyond plain mappings, lists and scalars.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, source)
        reader = Reader(source, loader)
        return Document(reader.read(node, ()), source, reader.values, reader.keys)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"this is no valid YAML: {_problem(error)}", place) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise InputError(f"this is no valid YAML: {error.reason}", f"{source}:{line}:1") from error
    except RecursionError as error:
        raise InputError("this is no valid YAML: it is nested too deeply", f"{source}:1:1") from error


def _problem(error: yaml.MarkedYAMLError) -> str:
    return " ".join(" ".join(part for part in (error.context, error.problem) if part).split())
