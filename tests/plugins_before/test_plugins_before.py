"""Plugins that `qnas new plugin` wrote before qnas 0.2 moved into rooms: they still load and keep their contracts."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas import testing
from qnas.core.registry import PluginInfo, plugins

FOLDER = Path(__file__).parent
PACKAGES = sorted(path.name for path in FOLDER.glob("qnas_my_*"))


@pytest.fixture(params=PACKAGES)
def plugin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginInfo]:
    """One of them, loaded until the test ends."""
    name: str = request.param
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module(f"{name}.plugin")
    loaded, distribution = plugins(), name.replace("_", "-")
    info = loaded.add(module, PluginInfo(name, distribution, "0.1.0", f"{name}.plugin"))
    yield info
    loaded.manager.unregister(module)
    for kind, component in (registered.split() for registered in info.registered):
        loaded.registries[kind].remove(loaded.registries[kind].entry(component))
    for imported in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[imported]


def test_an_older_plugin_keeps_its_contract(plugin: PluginInfo) -> None:
    assert len(plugin.registered) == 1
    kind, name = plugin.registered[0].split()
    getattr(testing, f"check_{kind}")(name)


def test_there_is_one_of_each_kind_that_there_was() -> None:
    assert len(PACKAGES) == 10
