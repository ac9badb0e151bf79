from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.registry import PluginInfo, find_plugins
from qnas.core.registry.installed import installed, selected, selection


def install(site: Path, version: str, distribution: str = "qnas-ghost", target: str = "qnas_ghost.plugin") -> Path:
    """A distribution with a plugin, as installed by pip."""
    information = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (information / "entry_points.txt").write_text(f"[qnas]\nghost = {target}\n[console_scripts]\nghost = {target}\n")
    return site


def ghosts() -> list[PluginInfo]:
    return [info for _, info in installed() if info.name == "ghost"]


def test_a_plugin_is_found_with_its_distribution_version_and_folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path / "site", "1.2"))
    (ghost,) = ghosts()
    assert ghost == PluginInfo("ghost", "qnas-ghost", "1.2", "qnas_ghost.plugin", home=str(tmp_path / "site"))


def test_ours_come_first(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "1.0", "a-first"))
    assert [info.distribution for _, info in installed()][:4] == ["qnas", "qnas", "qnas", "a-first"]


def test_of_a_distribution_that_is_there_twice_the_first_on_the_path_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path / "behind", "2.0"))
    monkeypatch.syspath_prepend(install(tmp_path / "before", "1.0"))
    (ghost,) = ghosts()
    assert ghost.version == "1.0"
    assert ghost.shadowed == (f"2.0 in {tmp_path / 'behind'}",)


@pytest.mark.parametrize("name", ["ghost", "qnas-ghost", "qnas_ghost", "QNAS.Ghost"])
def test_a_plugin_is_called_by_its_entry_point_its_distribution_or_its_package(name):
    info = PluginInfo("ghost", "qnas-ghost", "1.0", "qnas_ghost.plugin:Hooks")
    assert info.is_called(name)
    assert not info.is_called("qnas")


@pytest.mark.parametrize(
    ("text", "names"), [(None, None), ("", []), (" ", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b,", ["a", "b"])]
)
def test_the_selection_is_a_list_with_commas(text, names, monkeypatch):
    monkeypatch.delenv("QNAS_PLUGINS", raising=False)
    if text is not None:
        monkeypatch.setenv("QNAS_PLUGINS", text)
    assert selection() == names


def test_a_selection_of_what_is_not_installed_is_an_error_that_names_what_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "1.0"))
    monkeypatch.setenv("QNAS_PLUGINS", "goast")
    with pytest.raises(InputError, match=r"QNAS_PLUGINS: .* is called 'goast' \(installed: qnas-ghost\)"):
        find_plugins()
    assert selected(ghosts(), None) == selected(ghosts(), ["ghost"]) == ghosts()


def test_a_distribution_is_what_its_name_means_whoever_else_uses_it():
    own = PluginInfo("ghost", "qnas-ghost", "1.0", "qnas_ghost.plugin")
    evil = PluginInfo("qnas-ghost", "evil", "1.0", "ghost.plugin")
    assert selected([own, evil], ["qnas_ghost"]) == [own]
    with pytest.raises(InputError, match="'ghost' may be any of qnas-ghost, evil: name one of these"):
        selected([own, evil], ["ghost"])


def test_a_distribution_with_damaged_metadata_is_skipped_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "1.0"))
    information = tmp_path / "stranger-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[qnas]\n= = nothing ]\n[[\n")
    with pytest.warns(UserWarning, match=r"stranger-1.0.dist-info is skipped: its metadata is damaged"):
        assert [info.version for info in ghosts()] == ["1.0"]
