"""Local code as its files are now, imported as usual, also from the current folder."""

import contextlib
import hashlib
import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from torch import nn

from qnas.spaces.foreign.local_code import Sources, local_file, local_sources

_imported: dict[str, tuple[ModuleType, str]] = {}
"""Imported local modules, each with the digest that its file had."""
_also: dict[str, set[str]] = defaultdict(set)
"""The local modules that came with each module, by name: an import by a computed name shows in no source."""
_looked_in = ""


class LiveCode:
    """The modules of targets, and the local modules that these import.

    Args:
        modules: The names of the targets' modules.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        _look_here()
        _forget_changed()

    @property
    def sources(self) -> Sources:
        """The local files."""
        return local_sources([*self._modules, *(name for module in self._modules for name in _also[module])])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which the targets can be imported."""
        before = set(sys.modules)
        try:
            yield
        finally:
            new = {name for name in set(sys.modules) - before if local_file(name)}
            for module in self._modules:
                _also[module] |= new
            for name, source in self.sources.items():
                module_now = sys.modules.get(name)
                if module_now is not None and (name not in _imported or _imported[name][0] is not module_now):
                    _imported[name] = module_now, source.digest

    def stay_with(self, network: nn.Module) -> None:
        """Do nothing: these modules can be imported whenever the network runs."""


def is_here(sources: Sources) -> bool:
    """Whether the modules of these sources were, or would be, imported from identical files."""
    return all(_digest(name) == source.digest for name, source in sources.items())


def _digest(name: str) -> str:
    """The digest of the file that a module was, or would be, imported from; ``""`` if it is not local."""
    module, digest = _imported.get(name, (None, ""))
    if module is not None and sys.modules.get(name) is module:
        return digest
    file = local_file(name)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""


def _look_here() -> None:
    """Search the current folder for modules last, and no longer the folder that was current before."""
    global _looked_in  # noqa: PLW0603
    here = str(Path.cwd())
    if here != _looked_in and _looked_in in sys.path:
        sys.path.remove(_looked_in)
    if here not in sys.path:
        sys.path.append(here)
        _looked_in = here
    importlib.invalidate_caches()


def _forget_changed() -> None:
    """Have all local modules imported again if the file of one has changed, or its name now means another file."""
    known = {name: digest for name, (module, digest) in _imported.items() if sys.modules.get(name) is module}
    if any(_is_changed(name, digest) for name, digest in known.items()):
        for name in known:
            del sys.modules[name]
        _imported.clear()


def _is_changed(name: str, digest: str) -> bool:
    spec = None if "." in name else PathFinder.find_spec(name)
    file = Path(spec.origin) if spec and spec.origin else local_file(name)
    return file is not None and file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() != digest
