"""Every registered component meets the contract of its kind; with ``--qnas-plugin``, every component of those plugins.

The ``example`` that its class states makes a component small. An inherited example is not used, because it may not make
a subclass small.
"""

from pathlib import Path
from typing import Any

import pytest

from qnas import testing
from qnas.core.components import Launcher
from qnas.core.errors import InputError
from qnas.core.registry import KINDS, Entry, Model, PluginInfo, plugins


def _plugins(config: pytest.Config) -> list[PluginInfo]:
    found = plugins()
    names: list[str] = config.getoption("--qnas-plugin", [])
    if not names:
        return [info for info in found.found if not info.left_out_by]
    return [info for info in found.found if any(map(info.is_called, names))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each plugin and one for each of its components."""
    chosen = _plugins(metafunc.config)
    if "plugin" in metafunc.fixturenames:
        metafunc.parametrize("plugin", chosen, ids=[f"{info.distribution} {info.name}" for info in chosen])
    if "kind" in metafunc.fixturenames:
        components = [component for info in chosen for component in info.registered]
        checked = (*KINDS, Model.kind)
        pairs = [
            (kind, name) for kind, name in (component.split(" ", 1) for component in components) if kind in checked
        ]
        metafunc.parametrize(("kind", "name"), pairs, ids=[" ".join(pair) for pair in pairs])


def test_plugin(plugin: PluginInfo) -> None:
    """It loads and does something."""
    assert not plugin.lack, plugin.lack
    assert plugin.registered or plugin.listens, f"{plugin} has no hooks, so it does nothing"


def test_contract(kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component meets the contract of its kind."""
    monkeypatch.setenv("QNAS_CACHE", str(tmp_path))
    if kind == Model.kind:
        testing.check_model(name)
        return
    registry = plugins().registries[kind]
    component, entry = registry.load(name), registry.entry(name)
    fields = _example(component, entry)
    needed = [key for key, info in component.model_fields.items() if info.is_required()]
    lacking = [key for key in needed if key not in {**entry.defaults, **fields}]
    if lacking:
        pytest.skip(f"{kind} '{name}' needs {', '.join(lacking)}, but {component.__name__} states no example")
    if kind == Launcher.kind:
        _skip_if_not_installed(Launcher.of({"name": name, **fields}))
    getattr(testing, f"check_{kind}")({"name": name, **fields})


def _skip_if_not_installed(launcher: Launcher) -> None:
    try:
        launcher.versions()
    except InputError as error:
        pytest.skip(str(error))


def _example(component: type[Any], entry: Entry) -> dict[str, Any]:
    """The fields of a small component, without those that its registered name sets."""
    stated = vars(component).get("example", {})
    return {key: value for key, value in stated.items() if key not in entry.defaults}
