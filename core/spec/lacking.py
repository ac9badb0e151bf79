"""Whether specs that runs keep lack the same fields: then they differ as they stand as they would when completed.

Completing a spec loads torch, since every field of a component is declared by its class.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from qnas.core.settings import SPEC_VERSION
from qnas.core.spec.kept import version_of

BY_KEY = frozenset(
    {"costs", "data.test", "limits", "loss", "regularizers", "search.loss", "train.loss", "train.patches"}
)
"""Mappings whose keys are the user's: nothing is ever missing from them."""


def lack_the_same(specs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these specs (plain data) are of the newest version, and lack the same fields, if any.

    A run keeps a spec with every field that there was when it began, so that this is the rule. What has another name is
    another component, with fields of its own.
    """
    return all(version_of(spec) == SPEC_VERSION for spec in specs) and _have_same_keys(specs, "")


def _have_same_keys(mappings: Sequence[Mapping[str, Any]], path: str) -> bool:
    keys = {key: [one[key] for one in mappings if key in one] for one in mappings for key in one}
    return (path in BY_KEY or all(len(one) == len(keys) for one in mappings)) and all(
        _lack_the_same(values, f"{path}.{key}".lstrip(".")) for key, values in keys.items()
    )


def _lack_the_same(values: Sequence[Any], path: str) -> bool:
    """The same of all values of a field, of which lists count as what is in them."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for value in values:
        if isinstance(value, Mapping):
            by_name.setdefault(str(value.get("name")), []).append(value)
    inner = [one for value in values if isinstance(value, list) for one in value]
    return all(_have_same_keys(same, path) for same in by_name.values()) and (not inner or _lack_the_same(inner, path))
