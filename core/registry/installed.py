"""What is installed: the distributions that name plugins in their entry points, and which of them to load."""

import importlib.metadata
import os
import re
import warnings
from collections.abc import Sequence

from qnas.core.errors import InputError, QnasWarning, first_line
from qnas.core.registry.markers import PROJECT
from qnas.core.registry.plugin_info import PluginInfo

SELECTION = "QNAS_PLUGINS"
Found = tuple[importlib.metadata.EntryPoint, PluginInfo]
_Named = tuple[importlib.metadata.Distribution, list[importlib.metadata.EntryPoint]]


def installed() -> list[Found]:
    """The installed plugins, ours first, so that a message about a clash names the newcomer second.

    If a distribution is installed twice, the one that comes first on Python's path counts.
    """
    found: list[Found] = []
    for (first, points), *behind in _by_name().values():
        shadowed = tuple(f"{other.version} in {_home(other)}" for other, _ in behind)
        for point in points:
            info = PluginInfo(point.name, first.name, first.version, point.value, home=_home(first), shadowed=shadowed)
            found.append((point, info))
    return sorted(found, key=lambda item: (not item[1].is_ours, item[1].distribution, item[1].name))


def _by_name() -> dict[str, list[_Named]]:
    """The distributions that have plugins, by name; those of the same name are in the order of Python's path."""
    named: dict[str, list[_Named]] = {}
    for distribution in importlib.metadata.distributions():
        points = _points(distribution)
        if points:
            same = named.setdefault(distribution.name, [])
            if all(_home(distribution) != _home(other) for other, _ in same):
                same.append((distribution, points))
    return named


def _points(distribution: importlib.metadata.Distribution) -> list[importlib.metadata.EntryPoint]:
    """The entry points of its plugins; none if its metadata is damaged."""
    try:
        points = list(distribution.entry_points.select(group=PROJECT))
        return points if points and distribution.name else []  # reading the name is slow
    except Exception as error:  # importlib.metadata lets any error of its parser through
        where = getattr(distribution, "_path", _home(distribution))
        warnings.warn(f"{where} is skipped: its metadata is damaged: {first_line(error)}", QnasWarning, stacklevel=2)
        return []


def _home(distribution: importlib.metadata.Distribution) -> str:
    return str(distribution.locate_file(""))


def selection() -> list[str] | None:
    """The names that the environment variable ``QNAS_PLUGINS`` lists, None if it is not set."""
    listed = os.environ.get(SELECTION)
    return None if listed is None else [name for name in re.split(r"[\s,]+", listed) if name]


def selected(plugins: Sequence[PluginInfo], names: Sequence[str] | None) -> list[PluginInfo]:
    """The plugins to load: all, or those that qnas ships and those that ``names`` selects.

    A name is that of a distribution. Otherwise it may be that of an entry point or a package, but only if a single
    distribution has it: naming a distribution means trusting it.

    Raises:
        InputError: A name is not installed (the message lists those that are), or is ambiguous.
    """
    if names is None:
        return list(plugins)
    chosen = [info for info in plugins if info.is_ours]
    for name in names:
        meant = called(plugins, name)
        distributions = list(dict.fromkeys(info.distribution for info in meant))
        if not meant:
            others = ", ".join(dict.fromkeys(info.distribution for info in plugins if not info.is_ours)) or "none"
            raise InputError(f"no installed plugin is called '{name}' (installed: {others})", SELECTION)
        if len(distributions) > 1:
            raise InputError(f"'{name}' may be any of {', '.join(distributions)}: name one of these", SELECTION)
        chosen += meant
    return chosen


def called(plugins: Sequence[PluginInfo], name: str) -> list[PluginInfo]:
    """The plugins of a distribution of that name; if there is none, of an entry point or a package."""
    own = [info for info in plugins if info.is_of(name)]
    return own or [info for info in plugins if info.is_called(name)]
