"""Whether a plugin's hooks are hooks: pluggy calls what it knows and is silent about the rest."""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from qnas.core.errors import QnasError
from qnas.core.registry import hookspecs

_MARK = f"{hookspecs.PROJECT}_impl"
_PREFIX = f"{hookspecs.PROJECT}_register_"


def hook_names() -> list[str]:
    """Every hook that a plugin can implement."""
    return [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), f"{hookspecs.PROJECT}_spec")]


def refuse_odd_hooks(plugin: object) -> None:
    """Refuse a plugin of which a hook would never be called, or not as it is written.

    Raises:
        QnasError: A hook does not exist, lacks its mark, or asks for what it is not given.
    """
    known = hook_names()
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        if hasattr(function, _MARK):
            _refuse_unknown(name, known)
            _refuse_arguments(name, function)
        elif name in known or name.startswith(_PREFIX):
            raise QnasError(f"{name} is no hook without @qnas.hookimpl above it")


def _refuse_unknown(name: str, known: list[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"hooks: {', '.join(known)}"
        raise QnasError(f"no hook is named '{name}'; {hint}")


def _refuse_arguments(name: str, function: Callable[..., Any]) -> None:
    given = list(inspect.signature(getattr(hookspecs, name)).parameters)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty and parameter.name not in given:
            raise QnasError(f"{name} is not given '{parameter.name}' (it is given: {', '.join(given)})")
