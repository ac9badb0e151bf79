"""The plugins of third parties that specs need."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qnas.core.components import Component
from qnas.core.registry import PROJECT
from qnas.core.settings import Settings
from qnas.core.spec import Spec


def plugins_of(specs: Iterable[Spec]) -> list[str]:
    """The distributions that the components of these specs come from, but for qnas itself."""
    found = {component.comes_from() for spec in specs for component in _components(spec)}
    return sorted(found - {"", PROJECT})


def _components(value: Any) -> Iterator[Component]:
    if isinstance(value, Component):
        yield value
    if isinstance(value, Settings):
        for name in type(value).model_fields:
            yield from _components(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _components(inner)
    elif isinstance(value, tuple | list | frozenset):
        for inner in value:
            yield from _components(inner)
