"""The list of known plugins: its entries are valid, and those in this repository say what these plugins have."""

import re
import tomllib

import pytest
from docs.generator.known_plugins import DATA, read_plugins
from pydantic import ValidationError

from qnas.core.registry import BY_NAME

from .conftest import ROOT

PLUGINS = read_plugins(DATA.read_text())
OURS = [plugin for plugin in PLUGINS if plugin.link.startswith("examples/")]
ENTRY = "- {name: qnas-x, adds: Something, kinds: [space], link: https://example.org/x, licence: MIT}"


def test_each_is_listed_once() -> None:
    names = [plugin.name for plugin in PLUGINS]
    assert len(set(names)) == len(names)
    assert {plugin.link for plugin in OURS} == {f"examples/{path.name}" for path in (ROOT / "examples").iterdir()}


@pytest.mark.parametrize("plugin", OURS, ids=lambda plugin: plugin.name)
def test_a_plugin_of_ours_has_what_its_entry_says(plugin) -> None:
    folder = ROOT / plugin.link
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["license"]) == (plugin.name, plugin.licence)
    (file,) = folder.glob("qnas_*/plugin.py")
    hooks = re.findall(r"^def qnas_(\w+)", file.read_text(), re.MULTILINE)
    registered = {kind for kind, of in BY_NAME.items() if of.hook.removeprefix("qnas_") in hooks}
    events = {"events"} if any(not hook.startswith("register_") for hook in hooks) else set()
    assert set(plugin.kinds) == registered | events


def test_an_entry_may_be_on_the_web() -> None:
    (plugin,) = read_plugins(ENTRY)
    assert plugin.link == "https://example.org/x"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[space]", "[spaces]", "unknown kind 'spaces'"),
        ("https:", "http:", "link"),
        ("org/x", "org/x)", "link"),
        ("qnas-x", '"`x`"', "name"),
        ("Something", '"Something\\n| a row"', "adds"),
        ("licence", "license", "licence"),
    ],
)
def test_a_faulty_entry_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        read_plugins(ENTRY.replace(old, new))
