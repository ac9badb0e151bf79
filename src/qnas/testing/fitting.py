"""Where a component fits: it must fit at least one place, and say why it does not fit the others."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from qnas.testing.failure import told_as

P = TypeVar("P")


def fitting(unfit: Callable[[P], str], places: Mapping[str, P]) -> dict[str, P]:
    """The places that a component fits, by name.

    Args:
        unfit: Returns the reason why it does not fit a place, or ``""``.
        places: Usual places, by name.

    Raises:
        AssertionError: It fits none, or does not say why.
    """
    reasons = {name: _reason(unfit, name, place) for name, place in places.items()}
    last, reason = list(reasons.items())[-1]
    assert not all(reasons.values()), f"it fits none of {len(places)} usual places; {last}: {reason}"
    return {name: place for name, place in places.items() if not reasons[name]}


def _reason(unfit: Callable[[P], str], name: str, place: P) -> str:
    with told_as(name):
        reason: object = unfit(place)
        assert isinstance(reason, str), f"unfit returns {reason!r}, which is not a string"
    return reason
