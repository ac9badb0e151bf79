"""What nodes are asked before they are given runs, and how folders are carried to them and back."""

from dataclasses import replace
from pathlib import Path

import pytest

from qnas.core.errors import InputError
from qnas.core.registry import PluginInfo, plugins
from qnas.plugins.launchers.carried import CarriedFolder
from qnas.plugins.launchers.node import report_node


def test_a_node_that_has_all_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "probe").write_text("1234")
    report = report_node(tmp_path / "probe", "1234", ["qnas"])
    assert report.faults(tmp_path, is_shared=True) == []


def test_a_path_that_nodes_do_not_share(tmp_path: Path) -> None:
    absent = report_node(tmp_path / "probe", "1234", [])
    (tmp_path / "probe").write_text("of another machine's folder of the same name")
    for report in (absent, report_node(tmp_path / "probe", "1234", [])):
        (fault,) = report.faults(tmp_path, is_shared=True)
        assert fault == f"it does not see {tmp_path}: choose a folder that all nodes share, or --with folders=store"
        assert report.faults(tmp_path, is_shared=False) == []


def test_a_node_without_a_plugin_or_with_another_qnas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = PluginInfo("ghost", "qnas-broken", "1.0", "qnas_broken.plugin", error="ImportError: no such thing")
    monkeypatch.setattr(plugins(), "found", [*plugins().found, broken])
    report = report_node(tmp_path, "", ["qnas", "qnas-absent", "qnas-broken"])
    absent, faulty, other = replace(report, qnas="0.0.1").faults(tmp_path, is_shared=False)
    assert absent == "qnas-absent: it is not installed there (see: qnas doctor, on that node)"
    assert faulty.startswith("qnas-broken: ") and "no such thing" in faulty
    assert other.startswith("it has qnas 0.0.1, and ")


def test_a_folder_is_carried_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "run/search").mkdir(parents=True)
    (tmp_path / "run/search/a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "run/.lock").touch()
    carried = CarriedFolder.read(tmp_path / "run")
    carried.write(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").rglob("*") if path.is_file()] == ["a.bin"]
    (tmp_path / "other/more").touch()
    CarriedFolder.read(tmp_path / "run").write(tmp_path / "other")
    assert not (tmp_path / "other/more").exists()
    changed = CarriedFolder({"search/a.bin": b"changed"}, carried.digests)
    with pytest.raises(InputError, match=r"other/search/a\.bin: has changed on its way"):
        changed.write(tmp_path / "other")
    assert (tmp_path / "other/search/a.bin").read_bytes() == bytes(range(256))
    outside = CarriedFolder({"../x": b""}, {"../x": CarriedFolder.read(tmp_path / "nothing").digests.get("x", EMPTY)})
    with pytest.raises(InputError, match="would lie outside the folder"):
        outside.write(tmp_path / "other")
    assert CarriedFolder.read(tmp_path / "nothing").files == {}


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
