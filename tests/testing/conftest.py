"""What the tests of the contracts share: components that are registered for one test."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from qnas.core.components import Component
from qnas.core.registry import Entry, plugins

RegisterClass = Callable[..., str]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegisterClass]:
    """Registers a class as a plugin would, until the test ends; gives its name."""
    home = ModuleType("qnas_of_a_test")
    monkeypatch.setitem(sys.modules, home.__name__, home)
    added = []

    def register(component: type[Component], **defaults: Any) -> str:
        setattr(home, component.__name__, component)
        entry = Entry(component.__name__.lower(), f"{home.__name__}:{component.__name__}", "A thing", "tests", defaults)
        registry = plugins().registries[component.kind]
        registry.add(entry)
        added.append((registry, entry))
        return entry.name

    yield register
    for registry, entry in added:
        registry.remove(entry)
