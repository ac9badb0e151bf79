"""Versions of the spec: which defaults apply to the fields that an earlier spec lacks."""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

SPEC_VERSION = 3
"""The newest version. It increases by one with a release that changes a default."""

UNSTATED_VERSION = 1
"""The version of files from before versions were recorded: a run's spec.yaml and architecture.json, and sweep.json."""

EarlierDefaults = Mapping[int, Mapping[str, Any]]
"""Maps a version to the defaults that fields had up to it."""

_in_force: ContextVar[int] = ContextVar("version_in_force", default=SPEC_VERSION)


def version_in_force() -> int:
    """The version whose defaults apply to the current validation."""
    return _in_force.get()


@contextlib.contextmanager
def as_of(version: int) -> Iterator[None]:
    """A context in which validation fills missing fields with the defaults of ``version``."""
    token = _in_force.set(version)
    try:
        yield
    finally:
        _in_force.reset(token)


def earlier_fields(model: type[Any]) -> dict[str, Any]:
    """The fields of ``model`` that had other defaults in the version in force, with these defaults.

    A class adds to the statements of its bases. If several versions state a default, the first from the version in
    force onwards applies.
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
