"""Local code as it was when a run was made, loaded apart from the code of other runs and from today's files."""

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from torch import nn

from qnas.core.files.module_loader import BytesLoader
from qnas.spaces.foreign.local_code import Source, Sources, State, state_of

_LOCK = threading.RLock()  # the whole process shares sys.modules


class KeptCode(MetaPathFinder):
    """Modules from given sources, importable only inside :meth:`in_place`.

    Inside, they hide all other modules of the same packages; outside, they are hidden, so that each of two runs may
    have its own ``nets``.

    Args:
        sources: The modules, by name.
        folder: The folder that their files are relative to, for tracebacks.

    Attributes:
        sources: The modules, by name.
    """

    def __init__(self, sources: Sources, folder: Path) -> None:
        self.sources = sources
        self._folder = folder
        self._outermost = {name.partition(".")[0] for name in sources}
        self._modules: dict[str, ModuleType] = {}
        self._depth = 0
        self._count = 0  # of all modules when these were put in place
        self._hidden: dict[str, ModuleType] = {}

    def __deepcopy__(self, _: object) -> Self:
        """Itself: a copy of a network shares its code."""
        return self

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which imports find these modules."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Put these modules in place; calls may be nested."""
        _LOCK.acquire()
        self._depth += 1
        if self._depth == 1:
            self._hidden = {} if self._outermost.isdisjoint(sys.modules) else self._taken_out()
            sys.modules.update(self._modules)
            self._count = len(sys.modules)
            sys.meta_path.insert(0, self)

    def leave(self) -> None:
        """Put back the other modules, once there were as many calls as of :meth:`enter`."""
        self._depth -= 1
        if self._depth == 0:
            sys.meta_path.remove(self)
            if len(sys.modules) == self._count:  # fast: a network may run thousands of times beside many modules
                for name in self._modules:
                    del sys.modules[name]
            else:
                self._modules = self._taken_out()
            sys.modules.update(self._hidden)
        _LOCK.release()

    def stay_with(self, network: nn.Module) -> None:
        """Put this code in place whenever ``network`` runs, since it may import only then."""
        network.register_forward_pre_hook(self._before)
        network.register_forward_hook(self._behind, always_call=True)

    def _before(self, *_: Any) -> None:
        self.enter()

    def _behind(self, *_: Any) -> None:
        self.leave()

    def _taken_out(self) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] in self._outermost]
        return {name: sys.modules.pop(name) for name in names}

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """The spec of a module from these sources, or None for a module of other packages.

        Raises:
            ModuleNotFoundError: The module would belong to one of these packages, but is not kept.
        """
        del path, target
        if fullname.partition(".")[0] not in self._outermost:
            return None
        source = self.sources.get(fullname)
        if source is not None:
            return self._spec(source)
        if any(name.startswith(f"{fullname}.") for name in self.sources):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(self._folder / fullname.replace(".", "/"))]
            return spec
        raise ModuleNotFoundError(f"No module named {fullname!r} among those that the run keeps", name=fullname)

    def _spec(self, source: Source) -> ModuleSpec | None:
        path = self._folder / source.file
        places = [str(path.parent)] if source.is_package else None
        loader = BytesLoader(source.content, str(path))
        return importlib.util.spec_from_file_location(
            source.name, path, loader=loader, submodule_search_locations=places
        )


_KEPT: dict[State, KeptCode] = {}


def kept_code(sources: Sources, folder: Path) -> KeptCode:
    """The code of these sources; equal sources share one, so that no module runs twice."""
    state = state_of(sources)
    if state not in _KEPT:
        _KEPT[state] = KeptCode(sources, folder)
    return _KEPT[state]
