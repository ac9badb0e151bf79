"""YAML with positions: plain data, and the line and column that each value came from."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from qnas.core.errors import InputError

Key = str | int
Where = tuple[Key, ...]


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
        try:
            value = yaml.load(text, Loader=_Loader)
        except yaml.YAMLError as error:
            raise InputError(f"the value is no YAML: {_problem(error)}", where) from error
        self._assign(path.split("."), value, where)

    def _assign(self, keys: list[str], value: Any, where: str) -> None:
        target, path = self.data, Where()
        for key in keys[:-1]:
            place = _place_in(target, key, where)
            target[place] = target = _container(target[place] if place in _places(target) else None)
            path = (*path, place)
        last = _place_in(target, keys[-1], where)
        target[last] = value
        self.values[*path, last] = self.keys[*path, last] = where


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


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        InputError: It can't be read, is no YAML, or has a key twice.
    """
    source = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"can't read the spec: {reason}", source) from error
    loader = _Loader(text)
    document = Document({}, source)
    try:
        node = loader.get_single_node()
        if node is None:
            raise InputError("the spec is empty", f"{source}:1:1")
        _note_places(node, (), document, loader)
        document.data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"this is no valid YAML: {_problem(error)}", place) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"this is no valid YAML: {_problem(error)}", source) from error
    finally:
        loader.dispose()
    return document


def _problem(error: Exception) -> str:
    text = (getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)).strip()
    return " ".join(text.split())


def _note_places(node: yaml.Node, path: Where, document: Document, loader: "_Loader") -> None:
    document.values.setdefault(path, _place(document.source, node))
    if isinstance(node, yaml.MappingNode):
        seen: dict[Key, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str | int):
                raise InputError(f"a key must be a word (got {key!r})", _place(document.source, key_node))
            if key in seen:
                first = seen[key].start_mark.line + 1
                raise InputError(f"duplicate key '{key}' (first on line {first})", _place(document.source, key_node))
            seen[key] = key_node
            inner = (*path, key)
            document.keys[inner] = _place(document.source, key_node)
            _note_places(value_node, inner, document, loader)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_places(item, (*path, index), document, loader)


def _place(source: str, node: yaml.Node) -> str:
    return f"{source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which ``1e-3`` is a number, as in YAML 1.2 (PyYAML takes it for text)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)
