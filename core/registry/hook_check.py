"""Checks a plugin's hooks: pluggy silently ignores those that it does not know."""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from qnas.core.errors import QnasError
from qnas.core.registry import hookspecs
from qnas.core.registry.markers import PROJECT

_MARK = f"{PROJECT}_impl"
_PREFIX = f"{PROJECT}_"
_ALIKE = 0.8


def hook_names() -> list[str]:
    """Every hook that a plugin can implement."""
    return [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), f"{PROJECT}_spec")]


def refuse_odd_hooks(plugin: object) -> None:
    """Refuse a plugin with a hook that would never be called, or not as it is written.

    Raises:
        QnasError: A hook does not exist, lacks its mark, can't be called, or has a parameter that it is not given.
    """
    if inspect.isclass(plugin):
        raise QnasError(f"its entry point names the class {plugin.__qualname__}: it must name a module or an object")
    known = hook_names()
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        if hasattr(function, _MARK):
            _refuse_unfit(getattr(function, _MARK)["specname"] or name, function, known)
        elif name.startswith(_PREFIX) and difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
            raise QnasError(f"{name} is no hook without @qnas.hookimpl above it")


def _refuse_unfit(name: str, function: Callable[..., Any], known: list[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"hooks: {', '.join(known)}"
        raise QnasError(f"no hook is named '{name}'; {hint}")
    if inspect.iscoroutinefunction(function):
        raise QnasError(f"{name} is async: it would never run")
    given = list(inspect.signature(getattr(hookspecs, name)).parameters)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty and parameter.name not in given:
            raise QnasError(f"{name} is not given '{parameter.name}' (it is given: {', '.join(given)})")
