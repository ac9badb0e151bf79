"""What all contracts have in common: the component can be written and read again."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch

from qnas.core.components import Component
from qnas.core.settings import as_of
from qnas.testing.failure import told_as

C = TypeVar("C", bound=Component)


@contextlib.contextmanager
def contract(make: Callable[[Any], C], reference: C | str | Mapping[str, Any]) -> Iterator[C]:
    """The component to check; failures inside are reported in one line that begins with its name.

    Args:
        make: ``of`` of its interface.
        reference: A component, its name, or a mapping of its name and fields.

    Raises:
        AssertionError: It breaks its contract. Every component must be hashable, and equal after it was written and
            read again, also with the defaults of earlier versions.
    """
    component = make(reference)
    with told_as(f"the {component.kind} '{component.known_as}'"), _one_thread():
        _check_reading(make, component)
        _check_earlier_defaults(make, component)
        yield component


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Run on one thread: the computations are small, and threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_reading(make: Callable[[Any], C], component: C) -> None:
    written = component.reference()
    with told_as(f"what it writes, {written}, can't be read again"):
        again = make(json.loads(json.dumps(written)))
    assert again == component, f"what it writes, {written}, is read again as a different component"
    with told_as("its fields must be hashable: tuples, not lists"):
        hash(component)


def _check_earlier_defaults(make: Callable[[Any], C], component: C) -> None:
    stated = [vars(cls).get("earlier_defaults", {}) for cls in type(component).__mro__]
    for version, fields in ((version, fields) for entries in stated for version, fields in entries.items()):
        odd = sorted(set(fields) - set(component.field_names()))
        assert not odd, f"earlier_defaults names {odd[0]}, which is not one of its fields"
        with told_as(f"with the defaults of version {version}"), as_of(version):
            _check_reading(make, component)
