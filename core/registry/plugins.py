"""Finds the installed plugins through their entry points and lets them fill the registries."""

import dataclasses
import functools
import importlib.metadata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pluggy

from qnas.core.errors import QnasError
from qnas.core.registry import hookspecs
from qnas.core.registry.registry import Entry, Register, Registry

KINDS = (
    "space",
    "block",
    "operation",
    "quantizer",
    "residual",
    "regularizer",
    "cost",
    "dataset",
    "searcher",
    "report",
)


@dataclass(frozen=True)
class PluginInfo:
    """What is known of one plugin; ``error`` is why it could not be loaded, or ``""``."""

    name: str
    distribution: str
    version: str
    target: str
    error: str = ""
    registered: list[str] = field(default_factory=list)


class Plugins:
    """The plugin manager and one registry for each kind of component."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.registries: dict[str, Registry[Any]] = {kind: Registry(kind) for kind in KINDS}
        self.found: list[PluginInfo] = []
        self.conflicts: list[QnasError] = []

    @property
    def broken(self) -> list[PluginInfo]:
        """The plugins that could not be loaded."""
        return [info for info in self.found if info.error]

    def load(self, entry_points: Iterable[tuple[importlib.metadata.EntryPoint, str, str]]) -> None:
        """Load plugins, each given as (entry point, distribution, version).

        One that fails to import is skipped with a warning: only a spec that needs it is stopped by it. What is
        wrong with one that imports (see :meth:`add`) is kept in ``conflicts``.
        """
        for entry_point, distribution, version in entry_points:
            info = PluginInfo(entry_point.name, distribution, version, entry_point.value)
            try:
                plugin = entry_point.load()
            except Exception as error:  # a stranger's module may raise anything at import
                reason = f"{type(error).__name__}: {error}"
                self.found.append(PluginInfo(info.name, distribution, version, info.target, reason))
                warnings.warn(f"plugin '{info.name}' of {distribution} is skipped: {reason}", stacklevel=2)
            else:
                self._take_in(plugin, info)

    def _take_in(self, plugin: object, info: PluginInfo) -> None:
        try:
            self.add(plugin, info)
        except QnasError as error:
            self.conflicts.append(error)
            info = dataclasses.replace(info, error=str(error))
        self.found.append(info)

    def add(self, plugin: object, info: PluginInfo) -> None:
        """Take in one plugin object and what it registers; nothing of it if something is wrong.

        Raises:
            QnasError: It implements a hook that does not exist, its hook fails, or a name is taken.
        """
        added: list[tuple[str, Entry]] = []
        try:
            self.manager.register(plugin, name=f"{info.distribution}:{info.name}")
            self.manager.check_pending()
            for kind in KINDS:
                self._caller(kind, plugin)(register=self._register(kind, info, added))
        except Exception as error:  # a stranger's hook may raise anything
            for kind, entry in added:
                self.registries[kind].remove(entry)
            if self.manager.is_registered(plugin):
                self.manager.unregister(plugin)
            if isinstance(error, QnasError):
                raise
            raise QnasError(f"plugin '{info.name}' of {info.distribution}: {error}") from error
        info.registered.extend(f"{kind} {entry.name}" for kind, entry in added)

    def _caller(self, kind: str, plugin: object) -> pluggy.HookCaller:
        """The registering hook of one kind, for this plugin alone."""
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        return self.manager.subset_hook_caller(f"qnas_register_{kind}s", remove_plugins=others)

    def _register(self, kind: str, info: PluginInfo, added: list[tuple[str, Entry]]) -> Register:
        def register(name: str, target: str, summary: str, /, **defaults: Any) -> None:
            entry = Entry(name, target, summary, info.distribution, defaults)
            self.registries[kind].add(entry)
            added.append((kind, entry))

        return register


@functools.cache
def plugins() -> Plugins:
    """The process's plugins, loaded at the first call.

    Raises:
        QnasError: A plugin implements a hook that does not exist, or two components share a name.
    """
    loaded = find_plugins()
    if loaded.conflicts:
        raise loaded.conflicts[0]
    return loaded


def find_plugins() -> Plugins:
    """The installed plugins, whatever is wrong with them."""
    found = Plugins()
    found.load(_installed())
    return found


def _installed() -> list[tuple[importlib.metadata.EntryPoint, str, str]]:
    found = {
        (point.name, dist.name): (point, dist.name, dist.version)
        for dist in importlib.metadata.distributions()
        for point in dist.entry_points
        if point.group == hookspecs.PROJECT
    }
    # Ours first, so that a clash names the newcomer second.
    return sorted(found.values(), key=lambda item: (item[1] != hookspecs.PROJECT, item[1], item[0].name))
