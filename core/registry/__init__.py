"""Hooks, plugins and the registries they fill."""

from qnas.core.registry.api import API_VERSION
from qnas.core.registry.events import Events, listening
from qnas.core.registry.hook_check import hook_names
from qnas.core.registry.kinds import BY_NAME, KINDS, Kind, plural_of
from qnas.core.registry.markers import PROJECT, hookimpl
from qnas.core.registry.model import Model
from qnas.core.registry.plugin_files import given_plugin_files, keep_plugin_files, load_plugin_file, with_plugin_file
from qnas.core.registry.plugin_info import PluginInfo
from qnas.core.registry.plugins import Plugins, find_plugins, plugins
from qnas.core.registry.registry import Entry, Register, Registry
from qnas.core.registry.tracker import Tracker
from qnas.core.registry.trust import is_foreign_code_refused, no_foreign_code

__all__ = [
    "API_VERSION",
    "BY_NAME",
    "KINDS",
    "PROJECT",
    "Entry",
    "Events",
    "Kind",
    "Model",
    "PluginInfo",
    "Plugins",
    "Register",
    "Registry",
    "Tracker",
    "find_plugins",
    "given_plugin_files",
    "hook_names",
    "hookimpl",
    "is_foreign_code_refused",
    "keep_plugin_files",
    "listening",
    "load_plugin_file",
    "no_foreign_code",
    "plugins",
    "plural_of",
    "with_plugin_file",
]
