"""YAML with positions: plain data, and the line and column of each value."""

import copy
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

from qnas.core.errors import InputError
from qnas.core.spec.yaml_nodes import Key, Loader, Reader, Where
from qnas.core.visible import one_line

LONGEST_BYTES = 2**20
"""The most bytes in a file, and characters in a text."""


class Assignment(NamedTuple):
    """A value for a field, from outside the document.

    Attributes:
        path: The field, such as ``"search.steps"``.
        value: Mappings, lists and scalars.
        where: Its place, such as ``"--set search.steps"``.
    """

    path: str
    value: Any
    where: str

    @classmethod
    def read(cls, text: str, option: str = "--set", example: str = "search.steps=50", form: str = "{}") -> Self:
        """The assignment of an option such as ``--set key.path=value``, with the value read as YAML.

        Args:
            text: The option's argument.
            option: Name of the option.
            example: A valid argument.
            form: The YAML around the value.

        Raises:
            InputError: The argument has no ``=`` or no path, or its value is not YAML.
        """
        path, equals, value = text.partition("=")
        if not equals or not all(path.split(".")):
            raise InputError(f"must be key=value, such as {example}", f"{option} {one_line(text)}")
        where = f"{option} {one_line(path)}"
        return cls(path, _value(form.format(value), where), where)


@dataclass
class Document:
    """A YAML file as data.

    Attributes:
        data: Mappings, lists and scalars.
        source: The file's path as given by the user.
        values: Maps the path of each value to its place, such as ``"spec.yaml:12:7"`` or ``"--set a.b"``.
        keys: The same for the key before the value.
        hints: Maps the path of a value to what its key was probably meant to be.
    """

    data: Any
    source: str
    values: dict[Where, str] = field(default_factory=dict)
    keys: dict[Where, str] = field(default_factory=dict)
    hints: dict[Where, str] = field(default_factory=dict)

    def place(self, path: Where, of_key: bool = False) -> str:
        """The place of the value at ``path``, or of the nearest value around it."""
        if of_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return self.source

    def override(self, assignment: Assignment) -> None:
        """Set a field.

        Raises:
            InputError: The path leads through a value or past a list.
        """
        keys, where = assignment.path.split("."), assignment.where
        target, path = self.data, Where()
        for key in keys[:-1]:
            place = _place_in(target, key, where)
            path = (*path, place)
            if place not in _places(target):
                self.values[path] = self.keys[path] = where
            target[place] = target = _container(target[place] if place in _places(target) else None)
        last = _place_in(target, keys[-1], where)
        self._forget((*path, last))
        target[last] = copy.deepcopy(assignment.value)  # a later one may set a field inside
        self.values[*path, last] = self.keys[*path, last] = where

    def _forget(self, path: Where) -> None:
        """Forget the places of everything that is replaced."""
        for places in (self.values, self.keys, self.hints):
            for old in [old for old in places if old[: len(path)] == path]:
                del places[old]


def _places(container: Any) -> Collection[Key]:
    return range(len(container)) if isinstance(container, list) else container


def _place_in(container: Any, key: str, where: str) -> Any:
    """``key`` as the key or index of ``container``.

    Raises:
        InputError: A list has no such index, or ``container`` is not a container.
    """
    if isinstance(container, dict):
        return key
    if not isinstance(container, list):
        raise InputError(f"'{one_line(key)}' can't be set: the value around it has no fields", where)
    if not key.isdecimal() or int(key) >= len(container):
        raise InputError(f"'{one_line(key)}' is not an index into a list of {len(container)}", where)
    return int(key)


def _container(inner: Any) -> Any:
    """``inner`` as a container: a component's bare name becomes a mapping, nothing an empty one."""
    if isinstance(inner, str):
        return {"name": inner}
    return {} if inner is None else inner


def _value(text: str, where: str) -> Any:
    try:
        return parse(text, where).data
    except InputError as error:  # a line and column inside the option would only confuse
        raise InputError(re.sub(r"^:\d+:\d+: ", "", str(error).removeprefix(where)), where) from error.__cause__


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        InputError: The file can't be read, is absurdly long, is not YAML, or has a key twice.
    """
    document = parse(_text(path), str(path))
    if document.data is None:
        raise InputError("the spec is empty", f"{path}:1:1")
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LONGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"can't read the spec: {reason}", str(path)) from None
    if len(content) > LONGEST_BYTES:
        raise InputError(f"can't read the spec: it has more than {LONGEST_BYTES >> 20} MiB", str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start)
        column = error.start - content.rfind(b"\n", 0, error.start)
        where = f"{path}:{line + 1}:{column}"
        raise InputError("can't read the spec: it is not UTF-8 text", where) from None


def parse(text: str, source: str) -> Document:
    """Read YAML from a text that came from ``source``.

    Raises:
        InputError: The text is absurdly long, is not YAML, has a key twice, or goes beyond plain mappings, lists and
            scalars.
    """
    if len(text) > LONGEST_BYTES:
        raise InputError(f"this is not a spec: it has more than {LONGEST_BYTES >> 20} MiB", f"{source}:1:1")
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, source)
        reader = Reader(source, loader)
        return Document(reader.read(node, ()), source, reader.values, reader.keys, reader.hints)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"this is not valid YAML: {_problem(error)}", place) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise InputError(f"this is not valid YAML: {error.reason}", f"{source}:{line}:{column}") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    return one_line(" ".join(" ".join(part for part in (error.context, error.problem) if part).split()))
