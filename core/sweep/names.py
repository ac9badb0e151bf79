"""Names of points for folders: ``weight=0.001,bits=4``."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_LONGEST = 120
_DIGITS = 8


def point_names(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each point, all different.

    Args:
        points: The varied fields' values; each has the same fields.

    >>> point_names([{"regularizers.cost.weight": 0.001, "space.bits": [4, 8]}])
    ['weight=0.001,bits=4-8']
    >>> point_names([{"regularizers.cost.weight": 0, "regularizers.entropy.weight": 1e-5}])
    ['cost.weight=0,entropy.weight=1e-05']
    """
    names: dict[str, None] = {}
    for values in points:
        name = ",".join(f"{short_key(key, values)}={_safe(value)}" for key, value in values.items())
        if name in names or len(name) > _LONGEST:
            digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:_DIGITS]
            name = f"{name[: _LONGEST - _DIGITS - 1]}-{digest}"
        names[name] = None
    return list(names)


def short_key(key: str, keys: Collection[str]) -> str:
    """The shortest ending of a dotted key that no other of ``keys`` has, in characters that are safe in a path."""
    parts = key.split(".")
    endings = [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
    others = [f".{other}" for other in keys if other != key]
    unique = (ending for ending in endings if not any(other.endswith(f".{ending}") for other in others))
    return _plain(next(unique, key))


def _safe(value: Any) -> str:
    if isinstance(value, str | list | dict):
        return _plain(value if isinstance(value, str) else json.dumps(value))
    return json.dumps(value)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+]+", "-", text).strip("-")
