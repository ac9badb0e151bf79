"""The typed, lazy registry: names of components, whose classes are imported on first use."""

import contextlib
import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from qnas.core.errors import InputError, QnasError, first_line
from qnas.core.registry.kinds import plural_of
from qnas.core.registry.markers import PROJECT

T = TypeVar("T")
_TARGET = re.compile(r"[^\s:]+:[^\s:]+")


def quiet() -> contextlib.AbstractContextManager[object]:
    """A context that keeps what is printed out of standard output: a module may print while it is imported."""
    return contextlib.redirect_stdout(sys.stderr)


class Register(Protocol):
    """The function that a ``qnas_register_*`` hook receives."""

    def __call__(self, name: str, target: str | type, summary: str, /, **defaults: Any) -> None:
        """Register ``target``, a class or ``"module:Class"``, as ``name``; ``defaults`` override its field defaults."""


@dataclass(frozen=True)
class Entry:
    """One registered component."""

    name: str
    target: str
    summary: str
    distribution: str
    defaults: dict[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """The components of one kind.

    Args:
        kind: The kind in the singular, such as ``"quantizer"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        self._contested: dict[str, str] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def add(self, entry: Entry) -> None:
        """Add ``entry``; if its name is taken, the earlier entry stays.

        If both belong to third parties, neither has a better right to the name, and it can no longer be used.

        Raises:
            QnasError: The entry is invalid, or the name is taken.
        """
        self._refuse_odd(entry)
        taken = self._entries.get(entry.name)
        if taken is not None and taken.distribution == entry.distribution:
            raise QnasError(f"it registers the {self.kind} '{entry.name}' twice: {taken.target} and {entry.target}")
        if taken is not None:
            clash = (
                f"two {plural_of(self.kind)} are named '{entry.name}': one of {taken.distribution} ({taken.target})"
                f" and one of {entry.distribution} ({entry.target}); uninstall or rename one"
            )
            if taken.distribution != PROJECT:
                self._contested[entry.name] = clash
            raise QnasError(clash)
        self._entries[entry.name] = entry

    def _refuse_odd(self, entry: Entry) -> None:
        for what, value in (("name", entry.name), ("target", entry.target), ("summary", entry.summary)):
            if not isinstance(value, str) or not (value or what == "summary"):
                raise QnasError(f"it registers {self.kind} {entry.name!r} with the {what} {value!r}: that must be text")
        if not _TARGET.fullmatch(entry.target):
            message = f"it registers the {self.kind} '{entry.name}' as '{entry.target}': that must be 'module:Class'"
            raise QnasError(message)

    def remove(self, entry: Entry) -> None:
        """Remove what :meth:`add` added."""
        del self._entries[entry.name]
        self._contested.pop(entry.name, None)

    def entry(self, name: str) -> Entry:
        """The entry with that name.

        Raises:
            InputError: There is none (the message names the nearest), or two plugins claim the name.
        """
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise InputError(f"no {self.kind} is named '{name}'{hint} (see: qnas list {plural_of(self.kind)})")
        if name in self._contested:
            raise InputError(self._contested[name])
        return self._entries[name]

    def load(self, name: str) -> type[T]:
        """The class behind ``name``, imported now.

        Raises:
            InputError: No such name.
            QnasError: Its module can't be imported or lacks the class.
        """
        entry = self.entry(name)
        module_name, _, attribute = entry.target.partition(":")
        who = f"the {self.kind} '{name}' of {entry.distribution}"
        try:
            with quiet():
                loaded: type[T] = getattr(importlib.import_module(module_name), attribute)
        except (Exception, SystemExit) as error:  # a third-party module may raise anything at import
            raise QnasError(f"{who} can't be loaded from {entry.target}: {first_line(error)}") from error
        is_kind = isinstance(loaded, type) and getattr(loaded, "kind", None) == self.kind
        if not is_kind or "kind" in vars(loaded):  # the interface itself is not a component
            raise QnasError(f"{who} is not a class of that kind: {entry.target}")
        if inspect.isabstract(loaded):
            lacking = ", ".join(sorted(getattr(loaded, "__abstractmethods__", ())))
            raise QnasError(f"{who} lacks what it must define, {lacking}: {entry.target}")
        return loaded

    def loadable(self) -> Iterator[tuple[Entry, type[T]]]:
        """The entries with their classes, without those that can't be loaded."""
        for entry in self:
            with contextlib.suppress(QnasError):
                yield entry, self.load(entry.name)

    def name_of(self, component: type[Any]) -> str:
        """The name that a class is registered under with its own defaults, or ``""``."""
        target = f"{component.__module__}:{component.__qualname__}"
        return next((e.name for e in self if e.target == target and not e.defaults), "")
