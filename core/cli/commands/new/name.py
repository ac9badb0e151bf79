"""The name of a plugin, and what is named after it."""

import re
from dataclasses import dataclass

import yaml

from qnas.core.errors import InputError
from qnas.core.registry import PROJECT

_PREFIX = f"{PROJECT}-"
_LONGEST = 40
_VALID = "lower-case letters, digits and single hyphens, a letter first"


@dataclass(frozen=True)
class PluginName:
    """The name of a plugin.

    Attributes:
        component: What specs say: ``ghost-block``.
    """

    component: str

    @classmethod
    def parse(cls, text: str) -> "PluginName":
        """The name that ``text`` is, with the prefix ``qnas-`` or without it.

        Raises:
            InputError: It is none.
        """
        name = text.removeprefix(_PREFIX)
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            raise InputError(f"'{text}' is no name of a plugin ({_VALID}){_nearest(name)}")
        if len(name) > _LONGEST:
            raise InputError(f"'{text}' is too long for the name of a plugin (at most {_LONGEST} characters)")
        if yaml.safe_load(name) != name:
            raise InputError(f"'{text}' is no name of a plugin: in a spec, YAML reads it as {yaml.safe_load(name)!r}")
        return cls(name)

    @property
    def distribution(self) -> str:
        """What is installed: ``qnas-ghost-block``."""
        return _PREFIX + self.component

    @property
    def package(self) -> str:
        """What is imported: ``qnas_ghost_block``."""
        return self.distribution.replace("-", "_")

    def class_of(self, kind: str) -> str:
        """The class of its component of a kind: ``GhostBlock`` or ``GhostBlockSpace``."""
        words, suffix = "".join(map(str.capitalize, self.component.split("-"))), kind.capitalize()
        return (words.removesuffix(suffix) or words) + suffix


def _nearest(name: str) -> str:
    """The valid name that somebody may have meant, as a hint."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower())
    near = "-".join(words).lstrip("-0123456789")
    return f"; did you mean '{near}'?" if near else ""
