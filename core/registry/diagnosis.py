"""What is wrong with a plugin, and what to do about it."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qnas.core.errors import QnasError, place_of
from qnas.core.registry.kinds import BY_NAME
from qnas.core.registry.plugin_info import PluginInfo
from qnas.core.registry.plugins import Plugins
from qnas.core.registry.registry import Entry


@dataclass(frozen=True)
class Finding:
    """Something that a plugin's user should know.

    Attributes:
        what: In one line.
        advice: What to do, or ``""``.
        is_fault: Whether something can't be used because of it.
    """

    what: str
    advice: str = ""
    is_fault: bool = True


def diagnose(info: PluginInfo, plugins: Plugins) -> list[Finding]:
    """Everything that can be found wrong with a plugin; its components are imported."""
    if info.left_out_by:
        return [Finding(f"left out by {info.left_out_by}", is_fault=False)]
    return [*_loading(info), *_components(info, plugins), *_idle(info), *_shadowed(info)]


def _loading(info: PluginInfo) -> Iterator[Finding]:
    if info.error:
        yield Finding(f"not loaded: {info.error}{_place(info.cause)}", _advice(info.cause, info))


def _components(info: PluginInfo, plugins: Plugins) -> Iterator[Finding]:
    for component in info.registered:
        kind, _, name = component.partition(" ")
        registry = plugins.registry_of(kind)
        try:
            loaded = registry.load(name)
        except QnasError as error:
            cause = error.__cause__
            yield Finding(f"{error}{_place(cause)}", _advice(cause, info))
        else:
            if kind in BY_NAME:  # others have no fields
                yield from _presets(loaded, registry.entry(name), kind)


def _presets(component: type[Any], entry: Entry, kind: str) -> Iterator[Finding]:
    """Checks that the defaults registered with a name are fields, with valid values."""
    try:
        component.model_validate({**entry.defaults, "name": entry.name})
    except ValidationError as error:
        for mistake in error.errors():
            if mistake["type"] != "missing":  # the spec sets it
                field = ".".join(map(str, mistake["loc"]))
                yield Finding(f"the {kind} '{entry.name}': {field}: {mistake['msg']}", "correct where it is registered")


def _idle(info: PluginInfo) -> Iterator[Finding]:
    if not (info.error or info.registered or info.listens):
        advice = f"check that {info.target} is where its hooks are, each with @qnas.hookimpl above it"
        yield Finding("has no hooks: it does nothing", advice)


def _shadowed(info: PluginInfo) -> Iterator[Finding]:
    for other in info.shadowed:
        advice = f"pip uninstall {info.distribution}, until one is left"
        yield Finding(f"installed twice: {other} is behind it on Python's path", advice, is_fault=False)
    used = getattr(sys.modules.get(info.package), "__file__", None)
    files = _files(info)
    if used and files and Path(used).resolve() not in files:
        what = f"{info.package} is imported from {used}, not from what is installed in {info.home}"
        yield Finding(what, "rename or leave that folder, or uninstall the distribution", is_fault=False)


def _files(info: PluginInfo) -> set[Path]:
    """The files of its package that its distribution installed; none if the installation is editable."""
    listed = importlib.metadata.distribution(info.distribution).files or []
    return {Path(str(file.locate())).resolve() for file in listed if Path(file.parts[0]).stem == info.package}


def _place(cause: BaseException | None) -> str:
    """Where it went wrong: in the cause, if the error is one of ours."""
    return place_of(cause.__cause__ or cause) if cause else ""


def _spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except (ImportError, ValueError):  # its import failed halfway
        return None


def _advice(cause: BaseException | None, info: PluginInfo) -> str:
    if isinstance(cause, ImportError):
        missing = (cause.name or "").partition(".")[0]
        if missing == info.package:
            return f"correct its entry point, {info.target}, then install {info.distribution} again"
        is_there = not missing or _spec(missing) is not None
        return f"another version of {missing or 'it'} may be needed: pip check" if is_there else f"install {missing}"
    return "" if isinstance(cause, QnasError | None) else f"fix it, or report it to the authors of {info.distribution}"
