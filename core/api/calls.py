"""The call that makes a module like one that there is: its class, and arguments read from its attributes."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from qnas.core.errors import QnasError

_MISSING = object()


class NoCallError(QnasError):
    """It can't be told which call makes the module; the message says why."""


def call_of(module: nn.Module) -> dict[str, Any]:
    """The arguments that differ from their defaults.

    Each is the attribute of the argument's name: ``nn.Conv2d`` keeps ``in_channels`` as ``self.in_channels``. Whether
    it is right has to be tried.

    Raises:
        NoCallError: An argument has neither an attribute nor a default.
    """
    arguments: dict[str, Any] = {}
    for parameter in list(inspect.signature(type(module).__init__).parameters.values())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = _argument(module, parameter)
        if value is _MISSING and parameter.default is parameter.empty:
            raise NoCallError(f"{type(module).__name__} does not keep its argument '{parameter.name}'")
        if value is not _MISSING and value != parameter.default:
            arguments[parameter.name] = value
    return arguments


def _argument(module: nn.Module, parameter: inspect.Parameter) -> Any:
    value = getattr(module, parameter.name, _MISSING)
    if isinstance(parameter.default, bool) and (value is None or isinstance(value, Tensor)):
        return value is not None  # as the bias of a convolution
    return value if _is_plain(value) else _MISSING


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def import_path(kind: type) -> str:
    """Where a class can be imported from, as ``package.module:Class``.

    Raises:
        NoCallError: It can't be, since it is defined in a notebook, in the program that runs, or in a function.
    """
    name, path = f"{kind.__module__}:{kind.__qualname__}", kind.__qualname__.split(".")
    if kind.__module__ == "__main__" or "<locals>" in path:
        place = "a function" if "<locals>" in path else "a notebook, or in the program that runs"
        raise NoCallError(f"{kind.__name__} is defined in {place}")
    found: Any = sys.modules.get(kind.__module__)
    for part in path:
        found = getattr(found, part, None)
    if found is not kind:
        raise NoCallError(f"{name} is another class")
    return name
