"""What all tests share: a cache of their own, and a small spec that runs in seconds."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before torch is imported
if "PYTEST_XDIST_WORKER" in os.environ:  # there is a worker for each core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

from qnas.core.components import Component
from qnas.core.registry import Entry, plugins

hypothesis.settings.register_profile("qnas", deadline=None)  # no test asserts a time
hypothesis.settings.load_profile("qnas")


WHOLE_PROGRAMS = ("quickstart", "throwaway", "workshop")
"""Fixtures that take a minute or more: a test that needs one is slow."""

_SLOW = (
    *("target litert", "target onnxruntime", "target openvino", "target qonnx", "target tensorrt"),
    *("launcher ray", "launcher slurm", "space compact", "space quantnas-rfdn", "space rfdn", "space rlfn"),
)
SLOW_CONTRACTS = tuple(f"test_contract[{component}]" for component in _SLOW)
"""Up to a quarter of a minute each; tests/plugins/targets exports for each target too."""


@pytest.hookimpl(tryfirst=True)  # before pytest picks by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, since all workers wait for the test that begins last.

    Tests that share an environment stay together, so that one worker makes it and the other needs none.
    """
    for item in items:
        if set(WHOLE_PROGRAMS) & set(getattr(item, "fixturenames", ())) or item.name in SLOW_CONTRACTS:
            item.add_marker("slow")
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    needed = getattr(item, "fixturenames", ())
    return next((place for place, name in enumerate(WHOLE_PROGRAMS) if name in needed), len(WHOLE_PROGRAMS))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep generated images out of the user's cache; one for the session, so that they are made once."""
    before = os.environ.get("QNAS_CACHE")
    os.environ["QNAS_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["QNAS_CACHE"]
    else:
        os.environ["QNAS_CACHE"] = before


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test, in place of the session's."""
    monkeypatch.setenv("QNAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Registers a class as a plugin would, until the test ends; gives its name. Another of that name replaces it."""
    home = ModuleType("qnas_of_a_test")
    monkeypatch.setitem(sys.modules, home.__name__, home)
    added = {}

    def register(component: type[Component], **defaults: Any) -> str:
        setattr(home, component.__name__, component)
        name, registry = component.__name__.lower(), plugins().registries[component.kind]
        if name not in added:
            entry = Entry(name, f"{home.__name__}:{component.__name__}", "A thing", "tests", defaults)
            registry.add(entry)
            added[name] = (registry, entry)
        return name

    yield register
    for registry, entry in added.values():
        registry.remove(entry)


class Throwaway:
    """A virtual environment of the tests' own: it has what this one has, and what they install into it."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        venv.create(folder, with_pip=True)
        (site_packages,) = folder.glob("lib/python*/site-packages")
        inherited = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (site_packages / "inherited.pth").write_text(inherited)
        for command in ("qnas", "pytest"):
            self._link(command)

    def _link(self, command: str) -> None:
        (script,) = entry_points(group="console_scripts", name=command)
        path = self.bin / command
        path.write_text(
            f"#!{self.bin}/python\nfrom {script.module} import {script.attr}\nraise SystemExit({script.attr}())\n"
        )
        path.chmod(0o755)

    def shell(self, command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command line in ``folder`` as if the environment were activated."""
        environment = {**os.environ, "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", **variables}
        return subprocess.run(
            command, check=False, shell=True, cwd=folder, env=environment, capture_output=True, text=True
        )


@pytest.fixture(scope="session")
def throwaway(tmp_path_factory: pytest.TempPathFactory) -> Throwaway:
    """A throw-away environment to install plugins into."""
    return Throwaway(tmp_path_factory.mktemp("environment"))


TINY = """\
name: tiny
scale: 2
space:
  name: basic
  channels: 6
  cells: 1
  bits: [4, 8]
data:
  train: {name: dead-leaves, amount: 12, size: 32}
  test: {leaves: {name: dead-leaves, amount: 2, size: 48, seed: 1}}
  validation: 2
  patch: 8
search: {steps: 6, epochs: 3, batch: 2, alpha_learning_rate: 0.1, tuning: 0}
train: {steps: 6, batch: 2, validations: 3}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A spec file that runs in a second or two."""
    path = tmp_path / "spec.yaml"
    path.write_text(TINY)
    return path
