"""What a run minimized, in words, from its spec as plain data."""

from collections.abc import Mapping
from typing import Any

PLAIN = "l1"
"""What every run minimized before losses could be chosen."""


def minimized(spec: Mapping[str, Any], stage: str) -> str:
    """The losses of a stage with their weights.

    >>> minimized({"loss": {"l1": {"weight": 1.0}, "distill": {"weight": 0.5}}}, "train")
    'l1 + 0.5 distill'
    >>> minimized({"train": {"loss": None}}, "train")
    'l1'
    """
    own = spec.get(stage)
    stated = own.get("loss") if isinstance(own, Mapping) else None
    terms = spec.get("loss") if stated is None else stated
    return " + ".join(map(_term, terms, terms.values())) if isinstance(terms, Mapping) else PLAIN


def _term(name: object, fields: object) -> str:
    weight = fields.get("weight") if isinstance(fields, Mapping) else None
    return f"{weight:g} {name}" if isinstance(weight, int | float) and weight != 1 else str(name)
