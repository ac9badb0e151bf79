"""What is installed: the distributions that name plugins in their entry points, and which of them to load."""

import importlib.metadata
import os
import re
from collections.abc import Iterable

from qnas.core.errors import InputError
from qnas.core.registry.hookspecs import PROJECT
from qnas.core.registry.plugin_info import PluginInfo

Found = tuple[importlib.metadata.EntryPoint, PluginInfo]


def installed() -> list[Found]:
    """The plugins that are installed, ours first, so that a clash names the newcomer second.

    Of a distribution that is there twice, what comes first on Python's path counts.
    """
    found: list[Found] = []
    for distribution, *shadowed in _by_name().values():
        behind = tuple(f"{other.version} in {_home(other)}" for other in shadowed)
        for point in distribution.entry_points.select(group=PROJECT):
            name, version, home = distribution.name, distribution.version, _home(distribution)
            info = PluginInfo(point.name, name, version, point.value, home=home, shadowed=behind)
            found.append((point, info))
    return sorted(found, key=lambda item: (not item[1].is_ours, item[1].distribution, item[1].name))


def _by_name() -> dict[str, list[importlib.metadata.Distribution]]:
    """The distributions that have plugins, those of one name in the order of Python's path."""
    named: dict[str, list[importlib.metadata.Distribution]] = {}
    for distribution in importlib.metadata.distributions():
        if distribution.entry_points.select(group=PROJECT):
            same = named.setdefault(distribution.name, [])
            if _home(distribution) not in map(_home, same):
                same.append(distribution)
    return named


def _home(distribution: importlib.metadata.Distribution) -> str:
    return str(distribution.locate_file(""))


def selection() -> list[str] | None:
    """The names that the environment variable ``QNAS_PLUGINS`` lists, or None where it is not set."""
    listed = os.environ.get("QNAS_PLUGINS")
    return None if listed is None else [name for name in re.split(r"[\s,]+", listed) if name]


def is_selected(info: PluginInfo, names: list[str] | None) -> bool:
    """Whether a plugin is to be loaded: what qnas ships always is."""
    return names is None or info.is_ours or any(map(info.is_called, names))


def refuse_unknown(names: list[str] | None, plugins: Iterable[PluginInfo]) -> None:
    """Refuse a selection with a name that no installed plugin has.

    Raises:
        InputError: It names those that are installed.
    """
    there = list(plugins)
    for name in names or ():
        if not any(info.is_called(name) for info in there):
            others = ", ".join(dict.fromkeys(info.distribution for info in there if not info.is_ours)) or "none"
            raise InputError(f"no installed plugin is called '{name}' (installed: {others})", "QNAS_PLUGINS")
