"""What is wrong with a plugin, and what to do about it."""

import importlib.metadata
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qnas.core.errors import QnasError
from qnas.core.registry.plugin_info import PluginInfo
from qnas.core.registry.plugins import Plugins


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
    if info.is_left_out:
        return [Finding("left out by QNAS_PLUGINS", is_fault=False)]
    return [*_loading(info), *_components(info, plugins), *_idle(info), *_shadowed(info)]


def _loading(info: PluginInfo) -> Iterator[Finding]:
    if info.error:
        yield Finding(f"not loaded: {info.error}{_place(info.cause, info)}", _advice(info.cause, info))


def _components(info: PluginInfo, plugins: Plugins) -> Iterator[Finding]:
    for component in info.registered:
        kind, _, name = component.partition(" ")
        try:
            plugins.registries[kind].load(name)
        except QnasError as error:
            cause = error.__cause__
            yield Finding(f"{error}{_place(cause, info)}", _advice(cause, info))


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
    """The files of its package that its distribution brought; none where it is installed to be edited."""
    listed = importlib.metadata.distribution(info.distribution).files or []
    return {Path(str(file.locate())).resolve() for file in listed if Path(file.parts[0]).stem == info.package}


def _place(cause: BaseException | None, info: PluginInfo) -> str:
    """Where in the plugin's own code an exception came from: its last line there."""
    if isinstance(cause, SyntaxError):
        return f" ({cause.filename}:{cause.lineno})"
    origin = getattr(cause, "__cause__", None) or cause
    frames = traceback.extract_tb(origin.__traceback__) if origin else []
    own = [frame for frame in frames if info.package in Path(frame.filename).with_suffix("").parts]
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""


def _advice(cause: BaseException | None, info: PluginInfo) -> str:
    if isinstance(cause, ModuleNotFoundError):
        missing = (cause.name or "").partition(".")[0]
        return f"reinstall {info.distribution}" if missing == info.package else f"install {missing} beside it"
    if isinstance(cause, ImportError):
        return f"another version of {(cause.name or 'it').partition('.')[0]} may be needed: pip check"
    return "" if isinstance(cause, QnasError | None) else f"tell the authors of {info.distribution}"
