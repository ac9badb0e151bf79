"""Hooks, plugins and the registries they fill."""

from qnas.core.registry.hookspecs import PROJECT, hookimpl
from qnas.core.registry.plugins import KINDS, PluginInfo, Plugins, find_plugins, plugins
from qnas.core.registry.registry import Entry, Register, Registry

__all__ = [
    "KINDS",
    "PROJECT",
    "Entry",
    "PluginInfo",
    "Plugins",
    "Register",
    "Registry",
    "find_plugins",
    "hookimpl",
    "plugins",
]
