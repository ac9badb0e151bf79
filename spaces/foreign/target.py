"""Targets: callables that a spec names by their import path, with arguments for them."""

import difflib
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from qnas.core.errors import InputError, as_input_error, first_line, from_field
from qnas.core.settings import FrozenDict

_KEYS = {"target", "arguments"}


def _check_target(value: Any) -> str:
    module, colon, name = str(value).partition(":")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))):
        raise ValueError("must be an import path such as my_package.nets:MyNetwork")
    return str(value)


def _frozen(value: Any, place: str = "") -> Any:
    """An argument made immutable, and equal when it is written and read again."""
    if isinstance(value, Mapping):
        if "target" in value:
            _check_made(value, place)
        return FrozenDict({str(key): _frozen(inner, f"{place}{key}.") for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(inner, f"{place}{index}.") for index, inner in enumerate(value))
    if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{place.rstrip('.')} must be a finite number, text, true, false, a list or a mapping")
    return value


def _check_made(value: Mapping[str, Any], place: str) -> None:
    odd = sorted(map(str, value.keys() - _KEYS))
    if odd:
        raise ValueError(f"{place}{odd[0]}: unknown field (fields: target, arguments)")
    if not isinstance(value.get("arguments", {}), Mapping):
        raise ValueError(f"{place}arguments: must be a mapping")
    try:
        _check_target(value["target"])
    except ValueError as error:
        raise ValueError(f"{place}target: {error}") from error


def _mapping(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of arguments")
    return _frozen(value)


Target = Annotated[str, AfterValidator(_check_target)]
Arguments = Annotated[dict[str, Any], BeforeValidator(_mapping), AfterValidator(_frozen)]


def call(target: str, arguments: Mapping[str, Any]) -> Any:
    """The result of calling ``target``; its code must be in place (:mod:`qnas.spaces.foreign.code`).

    Raises:
        InputError: It can't be imported or called, or raises an exception.
    """
    with from_field("target"):
        maker = _import(target)
    made = {key: _made(value) for key, value in arguments.items()}
    with from_field("arguments"), as_input_error(f"{target} can't be called with these arguments"):
        return maker(**made)


def _made(value: Any) -> Any:
    """An argument as plain lists and dictionaries, with the results of targets in their place."""
    if isinstance(value, Mapping):
        if "target" not in value:
            return {key: _made(inner) for key, inner in value.items()}
        with from_field("arguments"):
            return call(value["target"], value.get("arguments", {}))
    return list(map(_made, value)) if isinstance(value, tuple) else value


def _import(target: str) -> Callable[..., Any]:
    module_name, _, name = target.partition(":")
    with as_input_error(f"can't import {module_name}"):
        found: Any = _module(module_name)
    for part in name.split("."):
        inside, found = found, getattr(found, part, None)
        if found is None:
            near = difflib.get_close_matches(part, dir(inside), n=1)  # slow for a lazily loading package
            raise InputError(f"{module_name} has no {name}" + (f"; did you mean {near[0]}?" if near else ""))
    if not callable(found):
        raise InputError(f"{target} can't be called")
    maker: Callable[..., Any] = found
    return maker


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        where = f"in {Path.cwd()} or among what is installed"
        raise InputError(f"can't import {name}: {first_line(error)} {where}") from None  # how Python looked for it


def targets_in(value: Any) -> Iterator[str]:
    """Every target in arguments, at any depth."""
    if isinstance(value, Mapping):
        if "target" in value:
            yield value["target"]
        for inner in value.values():
            yield from targets_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from targets_in(inner)


def with_scale(arguments: Mapping[str, Any], path: str, scale: int) -> Mapping[str, Any]:
    """``arguments`` with the scale at ``path``.

    Raises:
        InputError: The path leads through something that is not a target.
    """
    if not path:
        return arguments
    first, _, rest = path.partition(".")
    if not rest:
        return {**arguments, first: scale}
    inner = arguments.get(first)
    if not (isinstance(inner, Mapping) and "target" in inner):
        raise InputError(f"'{first}' is not an argument with a target")
    return {**arguments, first: {**inner, "arguments": with_scale(inner.get("arguments", {}), rest, scale)}}
