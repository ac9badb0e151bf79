"""Loads the installed plugins and lets them fill the registries."""

import functools
import warnings
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from qnas.core.errors import QnasError, QnasWarning, first_line
from qnas.core.registry import hookspecs
from qnas.core.registry.api import refuse_other_api
from qnas.core.registry.hook_check import refuse_odd_hooks
from qnas.core.registry.installed import SELECTION, Found, called, installed, selected, selection
from qnas.core.registry.kinds import BY_NAME, KINDS, plural_of
from qnas.core.registry.markers import PROJECT
from qnas.core.registry.model import Model
from qnas.core.registry.plugin_info import PluginInfo
from qnas.core.registry.registry import Entry, Register, Registry, quiet
from qnas.core.registry.tracker import Tracker
from qnas.core.registry.trust import OPTION, is_foreign_code_refused


class Plugins:
    """The plugin manager, one registry for each kind of component, and one each for trackers and models."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.registries: dict[str, Registry[Any]] = {kind: Registry(kind) for kind in KINDS}
        self.trackers: Registry[Tracker] = Registry(Tracker.kind)
        self.models: Registry[Model] = Registry(Model.kind)
        self.found: list[PluginInfo] = []

    @property
    def lacking(self) -> list[str]:
        """Why each missing plugin is missing, one line each."""
        return [info.lack for info in self.found if info.lack]

    def called(self, name: str) -> list[PluginInfo]:
        """The plugins of that name, distribution or package."""
        return called(self.found, name)

    def load(self, found: Iterable[Found], names: list[str] | None = None, chooser: str = SELECTION) -> None:
        """Load plugins, those of ``names`` if given. One that fails does not affect the others.

        It is skipped with a warning, so only a spec that needs it is refused.

        Args:
            found: What is installed.
            names: See :func:`selected`.
            chooser: What limits the plugins to these names, for messages.
        """
        listed = list(found)
        chosen = selected([info for _, info in listed], names)
        for point, info in listed:
            self.found.append(self.load_one(point, info) if info in chosen else replace(info, left_out_by=chooser))

    def load_one(self, point: EntryPoint, info: PluginInfo) -> PluginInfo:
        """Load one plugin, with a warning if it fails, and return what is known of it afterwards."""
        try:
            with quiet():
                return self.add(point.load(), info)
        except (Exception, SystemExit) as error:  # a third-party module may raise anything
            reason = str(error) if isinstance(error, QnasError) else first_line(error)
            warnings.warn(f"{info} is skipped: {reason} (see: qnas doctor)", QnasWarning, stacklevel=4)
            return replace(info, error=reason, cause=error)

    def add(self, plugin: object, info: PluginInfo) -> PluginInfo:
        """Add a plugin object and what it registers, or nothing if something is wrong with it.

        Returns:
            What is known of it afterwards.

        Raises:
            QnasError: It is written for another API, a hook of it does not exist or fails, or a name is taken.
        """
        refuse_other_api(plugin)
        refuse_odd_hooks(plugin)
        if self.manager.is_registered(plugin):
            raise QnasError(f"it is the same as {self.manager.get_name(plugin)}")
        self.manager.register(plugin, name=str(info))
        added: list[tuple[str, Entry]] = []
        try:
            for kind in KINDS:
                self.hook_of(plugin, BY_NAME[kind].hook)(register=self._register(kind, info, added))
            for kind in (Tracker.kind, Model.kind):
                hook = f"qnas_register_{plural_of(kind)}"
                self.hook_of(plugin, hook)(register=self._register(kind, info, added))
        except (Exception, SystemExit) as error:  # a third-party hook may raise anything
            for kind, entry in added:
                self.registry_of(kind).remove(entry)
            self.manager.unregister(plugin)
            if isinstance(error, QnasError):
                raise
            raise QnasError(first_line(error)) from error
        hooks = sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or ())
        return replace(
            info,
            registered=tuple(f"{kind} {entry.name}" for kind, entry in added),
            listens=tuple(name for name in hooks if not name.startswith("qnas_register_")),
        )

    def remove(self, plugin: object, info: PluginInfo) -> None:
        """Remove a plugin that :meth:`add` added."""
        for component in info.registered:
            kind, _, name = component.partition(" ")
            registry = self.registry_of(kind)
            for entry in [entry for entry in registry if entry.name == name]:
                registry.remove(entry)
        self.manager.unregister(plugin)
        self.found = [other for other in self.found if other is not info]

    def hook_of(self, plugin: object, hook: str) -> pluggy.HookCaller:
        """A hook, for one plugin alone."""
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        return self.manager.subset_hook_caller(hook, remove_plugins=others)

    def registry_of(self, kind: str) -> Registry[Any]:
        """The registry of a kind, of trackers or of models."""
        others: dict[str, Registry[Any]] = {Tracker.kind: self.trackers, Model.kind: self.models}
        return others[kind] if kind in others else self.registries[kind]

    def _register(self, kind: str, info: PluginInfo, added: list[tuple[str, Entry]]) -> Register:
        def register(name: str, target: str | type, summary: str, /, **defaults: Any) -> None:
            entry = Entry(name, _where(target, name, kind), summary, info.distribution, defaults)
            self.registry_of(kind).add(entry)
            added.append((kind, entry))

        register.__qualname__ = "register"  # the name that error messages show
        return register


def _where(target: str | type, name: str, kind: str) -> str:
    """Where a class is, as text."""
    if not isinstance(target, type):
        return target
    if getattr(target, "kind", None) != kind:
        raise QnasError(f"it registers the {kind} '{name}' with {target.__qualname__}, which is no class of that kind")
    return f"{target.__module__}:{target.__qualname__}"


def plugins() -> Plugins:
    """The process's plugins, loaded at the first call; only those that qnas ships if foreign code is refused.

    Raises:
        InputError: ``QNAS_PLUGINS`` lists a plugin that is not installed.
    """
    return _shipped() if is_foreign_code_refused() else _selected()


@functools.cache
def _selected() -> Plugins:
    return find_plugins()


@functools.cache
def _shipped() -> Plugins:
    found = Plugins()
    found.load(installed(), [], OPTION)
    return found


def find_plugins() -> Plugins:
    """The installed plugins that ``QNAS_PLUGINS`` selects, loaded now.

    Raises:
        InputError: It lists a plugin that is not installed.
    """
    found = Plugins()
    found.load(installed(), selection())
    return found
