"""The names that runs may have."""

import re

PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
LONGEST = 100


def is_name(value: object) -> bool:
    """Whether ``value`` is a valid name for a run."""
    return isinstance(value, str) and len(value) <= LONGEST and re.fullmatch(PATTERN, value) is not None


def longest_with(name: str, ending: str) -> str:
    """The name of a run with an ending, cut before it if it would be too long."""
    return name[: LONGEST - len(ending)] + ending
