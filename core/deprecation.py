"""Deprecation: what is old works for two more minor versions, and a warning names its successor.

The policy is in docs/upgrading.md; CONTRIBUTING.md shows each of the ways: a field of a spec, a command, a public name,
a hook.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qnas.core.errors import QnasWarning

KEPT_FOR = 2  # minor versions


class QnasDeprecationWarning(QnasWarning):
    """Something that is used will be removed; the message names its successor and the version of the removal."""


@dataclass(frozen=True)
class Deprecated:
    """Since when something is deprecated, and what takes its place.

    Args:
        since: The minor version that deprecated it: ``0.2``.
        use: Its successor.

    Raises:
        ValueError: ``since`` is not a minor version.
    """

    since: str
    use: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]+\.[0-9]+", self.since):
            raise ValueError(f"since must be a minor version such as 0.2 (got {self.since})")

    @property
    def removed_in(self) -> str:
        """The version that no longer has it.

        >>> Deprecated("0.2", "qnas.Trainer").removed_in
        '0.4'
        """
        major, minor = map(int, self.since.split("."))
        return f"{major}.{minor + KEPT_FOR}"

    def warning(self, what: str) -> QnasDeprecationWarning:
        """The warning about ``what``, which names the old thing: ``the field 'init'``.

        >>> str(Deprecated("0.2", "'start'").warning("the field 'init'"))
        "the field 'init' is deprecated since 0.2 and will be removed in 0.4: use 'start'"
        """
        return QnasDeprecationWarning(
            f"{what} is deprecated since {self.since} and will be removed in {self.removed_in}: use {self.use}"
        )

    def warn(self, what: str, stacklevel: int = 3) -> None:
        """Issue the warning; by default it points at the caller of the function that calls this."""
        warnings.warn(self.warning(what), stacklevel=stacklevel)


@dataclass(frozen=True)
class DeprecatedField:
    """A field that a spec may still have under its old name.

    Attributes:
        since: The minor version that deprecated it.
        use: The name of the field that takes its place.
        convert: Makes the new field's value of the old one's.
    """

    since: str
    use: str
    convert: Callable[[Any], Any] = lambda value: value

    def warn(self, name: str) -> None:
        """Issue the warning about the field ``name``."""
        Deprecated(self.since, f"'{self.use}'").warn(f"the field '{name}'")


def deprecated_names(
    module: str, names: Mapping[str, Deprecated], otherwise: Callable[[str], Any]
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module in which old names still stand for their successors.

    Args:
        module: The module's name.
        names: Old name to what takes its place, as the module has it.
        otherwise: Finds all other names.
    """

    def find(name: str) -> Any:
        if name not in names:
            return otherwise(name)
        names[name].warn(f"{module}.{name}")
        return otherwise(names[name].use)

    return find
