"""What is known of one plugin."""

import re
from dataclasses import dataclass, field

from qnas.core.registry.markers import PROJECT


@dataclass(frozen=True)
class PluginInfo:
    """One plugin: where it comes from, and whether it could be loaded.

    Attributes:
        name: Of its entry point.
        distribution: The distribution that has it.
        version: Of the distribution.
        target: What the entry point names.
        error: Why it is not loaded, or ``""``.
        registered: Its components, as ``"space ghost"``.
        listens: The hooks that it implements beside those that register.
        home: The folder that the distribution is in.
        shadowed: Other versions of the distribution that are behind it on Python's path, and so not used.
        left_out_by: What leaves it out, ``QNAS_PLUGINS`` or ``--no-code``, or ``""``.
        cause: The exception that ``error`` describes.
    """

    name: str
    distribution: str
    version: str
    target: str
    error: str = ""
    registered: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    home: str = ""
    shadowed: tuple[str, ...] = ()
    left_out_by: str = ""
    cause: BaseException | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"plugin '{self.name}' of {self.distribution}"

    @property
    def is_ours(self) -> bool:
        """Whether qnas itself ships it."""
        return self.distribution == PROJECT

    @property
    def package(self) -> str:
        """The package that its module is in."""
        return self.target.partition(":")[0].partition(".")[0]

    @property
    def lack(self) -> str:
        """Why nothing of it can be used, in one line, or ``""``."""
        if self.left_out_by:
            return f"{self} is left out by {self.left_out_by}"
        return f"{self} failed: {self.error}" if self.error else ""

    def is_of(self, distribution: str) -> bool:
        """Whether it belongs to that distribution; ``-`` and ``_`` are the same."""
        return _plain(distribution) == _plain(self.distribution)

    def is_called(self, name: str) -> bool:
        """Whether ``name`` is that of its entry point, distribution or package; ``-`` and ``_`` are the same."""
        return _plain(name) in map(_plain, (self.name, self.distribution, self.package))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
