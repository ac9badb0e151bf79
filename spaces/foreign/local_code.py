"""The local Python files that a target needs: found, and copied into a run's folder."""

import ast
import functools
import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.files.links import refuse_links_out

FOLDER = "code"
INDEX = f"{FOLDER}/index.json"
_NEVER = {"qnas", "__main__"}
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Source:
    """A module's file.

    Attributes:
        name: The module's full name, packages included.
        is_package: Whether it is the ``__init__.py`` of a package.
        content: The file's bytes.
    """

    name: str
    is_package: bool
    content: bytes

    @property
    def file(self) -> str:
        """The file's path relative to the folder that Python searches."""
        return self.name.replace(".", "/") + ("/__init__.py" if self.is_package else ".py")

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


Sources = Mapping[str, Source]


State = frozenset[tuple[str, str]]


def state_of(sources: Sources) -> State:
    """A value that changes whenever one of the files does."""
    return frozenset((name, source.digest) for name, source in sources.items())


def local_sources(names: Iterable[str]) -> dict[str, Source]:
    """The local files of modules and of everything they import, directly or not, by the modules' names.

    A file is local if it was not installed and does not come with Python: mostly files of the current folder.
    """
    found: dict[str, Source] = {}
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        for module in _with_packages(name):
            source = found.get(module) or _local_source(module)
            if source and module not in found:
                found[module] = source
                waiting += _imported(source.content, source.package)
    return dict(sorted(found.items()))


def imported_packages(sources: Sources) -> set[str]:
    """The top-level packages that local files import."""
    names = (_imported(source.content, source.package) for source in sources.values())
    return {name.partition(".")[0] for of in names for name in of} - {name.partition(".")[0] for name in sources}


def write_sources(folder: Path, sources: Sources) -> None:
    """Copy local files, if there are any, into a run's folder, with their digests beside them."""
    run = RunFolder(folder)
    for source in sources.values():
        run.write_bytes(f"{FOLDER}/{source.file}", source.content)
    if sources:
        listed = {name: {"file": one.file, "sha256": one.digest} for name, one in sources.items()}
        run.write_json(INDEX, {"modules": listed})


def read_sources(folder: Path) -> dict[str, Source]:
    """The files that :func:`write_sources` copied into a run's folder.

    Raises:
        InputError: A file is gone, was changed, or is a link out of the folder.
    """
    run = RunFolder(folder)
    if not run.has(INDEX):
        return {}
    refuse_links_out(folder / FOLDER)
    listed = run.read_json(INDEX).get("modules")
    if not isinstance(listed, dict) or not all(map(_MODULE.fullmatch, listed)):
        raise InputError("is damaged: it lists no modules", str(folder / INDEX))
    return {name: _read(folder, name, entry) for name, entry in listed.items()}


def _read(folder: Path, name: str, entry: object) -> Source:
    facts = entry if isinstance(entry, dict) else {}
    is_package = str(facts.get("file")).endswith("/__init__.py")
    path = folder / FOLDER / Source(name, is_package, b"").file
    try:
        source = Source(name, is_package, path.read_bytes())
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", str(path)) from error
    if source.digest != facts.get("sha256"):
        raise InputError(f"was changed since the run was made: {INDEX} has another checksum", str(path))
    return source


def _with_packages(name: str) -> Iterator[str]:
    """The names of a module and of the packages that it is in."""
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def local_file(name: str) -> Path | None:
    """The file of a module, None if it is not local."""
    path = None if name.partition(".")[0] in _NEVER else _file_of(name)
    return None if path is None or path.suffix != ".py" or _is_installed(path) else path


def _local_source(name: str) -> Source | None:
    path = local_file(name)
    if path is None:
        return None
    try:
        return Source(name, path.stem == "__init__", path.read_bytes())
    except OSError:
        return None


def _file_of(name: str) -> Path | None:
    """A module's file, found as Python would find it, without importing anything."""
    module = sys.modules.get(name)
    spec = None if isinstance(module, ModuleType) else _spec_of(name)
    file = getattr(module, "__file__", None) if spec is None else spec.origin
    return Path(file) if isinstance(file, str) and Path(file).is_file() else None


def _spec_of(name: str) -> ModuleSpec | None:
    package, _, _ = name.rpartition(".")
    if not package:
        return PathFinder.find_spec(name)
    outer = sys.modules.get(package)
    spec = _spec_of(package) if outer is None else None
    places = spec.submodule_search_locations if spec else getattr(outer, "__path__", None)
    return PathFinder.find_spec(name, list(places)) if places else None


def _is_installed(path: Path) -> bool:
    is_package = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return is_package or any(path.is_relative_to(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib"))


@functools.lru_cache(maxsize=512)
def _imported(content: bytes, package: str) -> tuple[str, ...]:
    """The modules that a file imports anywhere; for a name that may be a module or in a module, both."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return ()
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            outer = ".".join(package.split(".")[: package.count(".") + 2 - node.level]) if node.level else ""
            base = ".".join(filter(None, [outer, node.module]))
            names += [base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")]
    return tuple(filter(None, names))
