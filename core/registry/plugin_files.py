"""Plugins that are a single file, which a spec, a run or the command line names: nothing has to be installed.

What a file registers is there for the whole process. A file that is read again with another content takes the place of
what it was: of two runs that keep a file of one name, the one that was read last decides.
"""

import contextlib
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from qnas.core.errors import InputError, QnasError, first_line, place_of
from qnas.core.files.folder import RunFolder
from qnas.core.files.home import home
from qnas.core.files.module_loader import BytesLoader
from qnas.core.registry.plugin_info import PluginInfo
from qnas.core.registry.plugins import plugins
from qnas.core.registry.registry import quiet
from qnas.core.registry.trust import OPTION, is_foreign_code_refused

FOLDER = "plugins"
"""Where a run keeps copies of them."""


@dataclass(frozen=True)
class PluginFile:
    """A file that is loaded as a plugin.

    Attributes:
        name: The file's, without folders.
        content: What it held.
        module: What it was loaded as.
        info: What is known of it.
    """

    name: str
    content: bytes
    module: ModuleType
    info: PluginInfo


_loaded: dict[str, PluginFile] = {}
_given: list[str] = []


def load_plugin_file(path: str) -> PluginFile:
    """Load a file as a plugin; nothing happens if it is loaded and has not changed.

    Args:
        path: Relative to the current folder; while a run's files are read, the run's copy is taken.

    Raises:
        InputError: It is refused, can't be read, fails, or registers nothing.
    """
    if is_foreign_code_refused():
        raise InputError(f"'{path}' is code, which {OPTION} refuses to load")
    file = _place(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"the plugin '{path}' can't be read: {error.strerror or error} ({file})") from error
    before = _loaded.get(file.name)
    if before is not None and before.content == content:
        return before
    if before is not None:
        _unload(before)
    return _load(file, content)


def given_plugin_files() -> Sequence[str]:
    """The files that the command line names, for the specs that it reads."""
    return tuple(_given)


@contextlib.contextmanager
def with_plugin_file(path: str) -> Iterator[None]:
    """A context in which a file is loaded, and belongs to every spec that is read."""
    is_new = Path(path).name not in _loaded
    loaded = load_plugin_file(path)
    _given.append(path)
    try:
        yield
    finally:
        _given.remove(path)
        if is_new and _loaded.get(loaded.name) is loaded:
            _unload(loaded)


def keep_plugin_files(paths: Sequence[str], folder: Path) -> None:
    """Copy files, as they were loaded, into a run's folder."""
    for path in paths:
        file = load_plugin_file(path)
        RunFolder(folder).write_bytes(f"{FOLDER}/{file.name}", file.content)


def _place(path: str) -> Path:
    file = Path(path)
    if file.suffix != ".py":
        raise InputError(f"the plugin '{path}' must be a Python file, such as ./my_space.py")
    run = home()
    return file if run is None else run / FOLDER / file.name


def _load(file: Path, content: bytes) -> PluginFile:
    digest = hashlib.sha256(content).hexdigest()
    name = f"qnas_file_{re.sub(r'[^0-9A-Za-z_]', '_', file.stem)}_{digest[:12]}"
    loader = BytesLoader(content, str(file))
    spec = ModuleSpec(name, loader, origin=str(file))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with quiet():
            loader.exec_module(module)
        info = plugins().add(module, PluginInfo(file.stem, file.name, f"sha256:{digest[:12]}", f"{name}:"))
        if not (info.registered or info.listens):
            raise InputError("it has no hooks: write @qnas.hookimpl above qnas_register_spaces or another one")
    except (Exception, SystemExit) as error:  # it may raise anything
        sys.modules.pop(name, None)
        if plugins().manager.is_registered(module):
            plugins().manager.unregister(module)
        reason = str(error) if isinstance(error, QnasError) else f"{first_line(error)}{place_of(error)}"
        raise InputError(f"the plugin '{file}' can't be loaded: {reason}") from error
    plugins().found.append(info)
    _loaded[file.name] = PluginFile(file.name, content, module, info)
    return _loaded[file.name]


def _unload(file: PluginFile) -> None:
    """Forget what a file registered; what was made of it goes on to work."""
    del _loaded[file.name]
    plugins().remove(file.module, file.info)
