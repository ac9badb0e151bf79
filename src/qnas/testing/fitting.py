"""Where a component fits: in one place at least, and it says why not in the others."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from qnas.testing.failure import told_as

P = TypeVar("P")


def fitting(unfit: Callable[[P], str], places: Mapping[str, P]) -> dict[str, P]:
    """The places, of these by what they are called, that a component fits.

    Args:
        unfit: Says why it does not fit a place, or ``""``.
        places: Usual ones.

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
        assert isinstance(reason, str), f"unfit gives {reason!r}, no text"
    return reason
