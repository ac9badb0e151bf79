"""Natural order: numbers in texts sort by value."""

import re

_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)")


def natural(text: str) -> tuple[list[str | float], str]:
    """A key to sort texts by, in which numbers count by their value.

    >>> sorted(["weight=0.03", "weight=0.003", "weight=1e-05", "bits=10", "bits=4"], key=natural)
    ['bits=4', 'bits=10', 'weight=1e-05', 'weight=0.003', 'weight=0.03']
    """
    parts = _NUMBER.split(text)
    return [float(part) if index % 2 else part for index, part in enumerate(parts)], text
