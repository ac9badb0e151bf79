"""The fields of specs by their paths, such as ``train.steps``: which of them differ, and how their values read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnas.core.sweep.names import short_key

Fields = dict[str, Any]


def fields_of(spec: Mapping[str, Any]) -> Fields:
    """Path to value; lists and empty mappings are values.

    >>> fields_of({"scale": 2, "train": {"steps": 10}})
    {'scale': 2, 'train.steps': 10}
    """
    return dict(_flat(spec, ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def differing(several: Sequence[Fields]) -> list[str]:
    """The paths at which not all have the same value.

    If a component's name differs, only the name is listed, because its fields are different ones.

    >>> differing([{"search.name": "random", "search.samples": 2}, {"search.name": "none"}])
    ['search.name']
    """
    paths = [
        path
        for path in dict.fromkeys(path for fields in several for path in fields)
        if len({canonical(fields.get(path)) for fields in several}) > 1
    ]
    renamed = [path.removesuffix("name") for path in paths if path.endswith(".name")]
    return [path for path in paths if not any(path.startswith(of) and path != f"{of}name" for of in renamed)]


def canonical(value: Any) -> str:
    """A text that only equal values share."""
    return json.dumps(value, sort_keys=True, default=str)


def told(value: Any) -> str:
    """A value as people read it.

    >>> told(1e-4), told([4, 8]), told("lsq"), told(True)
    ('0.0001', '[4, 8]', 'lsq', 'true')
    """
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Path to the shortest end of it that no other of them has.

    >>> short_names(["regularizers.cost.weight", "search.name"])
    {'regularizers.cost.weight': 'weight', 'search.name': 'search'}
    """
    meant = {path: path.removesuffix(".name") for path in paths}
    return {path: short_key(own, meant.values()) for path, own in meant.items()}
