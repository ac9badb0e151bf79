"""Versions of the spec: which defaults hold for the fields that an earlier spec lacks."""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

SPEC_VERSION = 2
"""The newest version. It goes up by one with a release in which a default changed."""

UNTOLD_VERSION = 1
"""That of what was written before versions were: the spec.yaml and architecture.json of a run, and sweep.json."""

EarlierDefaults = Mapping[int, Mapping[str, Any]]
"""Version to the defaults that fields had up to it."""

_in_force: ContextVar[int] = ContextVar("version_in_force", default=SPEC_VERSION)


def version_in_force() -> int:
    """The version whose defaults hold for what is validated now."""
    return _in_force.get()


@contextlib.contextmanager
def as_of(version: int) -> Iterator[None]:
    """A context in which everything that is validated takes the defaults of ``version`` for the fields it lacks."""
    token = _in_force.set(version)
    try:
        yield
    finally:
        _in_force.reset(token)


def earlier_fields(model: type[Any]) -> dict[str, Any]:
    """The fields of ``model`` that had other defaults at the version in force, and these defaults.

    A class adds to what its bases state. Of several versions that state a default, the first one from the version in
    force on holds.
    """
    now = version_in_force()
    if now == SPEC_VERSION:
        return {}
    stated: dict[tuple[int, str], Any] = {}
    for cls in reversed(model.__mro__):
        for version, fields in vars(cls).get("earlier_defaults", {}).items():
            stated.update({(version, name): value for name, value in fields.items()})
    late_first = sorted((key for key in stated if key[0] >= now), key=lambda key: -key[0])
    return {name: stated[version, name] for version, name in late_first}
