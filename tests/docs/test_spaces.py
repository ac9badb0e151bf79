"""What docs/spaces.md shows works, and its figures are right."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from qnas.core.components import Operation, Quantizer, Space
from qnas.core.network import Candidate, build_found, count_found, slot_candidates
from qnas.core.registry import plugins
from qnas.core.registry.plugins import PluginInfo
from qnas.core.settings import FLOAT
from qnas.core.spec import load_spec

from ..totals import total
from .conftest import ROOT, blocks, commands, shell

PAGE = "docs/spaces.md"
SPECS = blocks(PAGE, "yaml")
NETWORK, BLOCK, CHECK = blocks(PAGE, "python")
TABLE = re.findall(r"^\| `([\w-]+)` \| .*? \| (\d+) K \| ([\d.]+) G \|$", (ROOT / PAGE).read_text(), re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the page's network in it."""
    (tmp_path / "my_nets.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    return tmp_path


@pytest.mark.parametrize("text", SPECS)
def test_a_spec_of_the_page(text: str, folder: Path) -> None:
    (folder / "spec.yaml").write_text(text)
    spec = load_spec(folder / "spec.yaml")
    chosen = {path: options[0] for path, options in slot_candidates(spec.space, spec.scale).items()}
    network = build_found(spec.space, spec.scale, chosen, Quantizer.of("lsq")).eval()
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16 * spec.scale, 16 * spec.scale)


@pytest.mark.slow
@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_of_the_page(command: str, checkout: Path) -> None:
    done = shell(command, checkout)
    assert done.returncode == 0, done.stderr
    assert "BitOps" in done.stdout


@pytest.mark.parametrize(("name", "params", "macs"), TABLE, ids=[row[0] for row in TABLE])
def test_the_figures_of_a_network(name: str, params: str, macs: str) -> None:
    space = Space.of(name)
    chosen = dict.fromkeys(slot_candidates(space, 4), Candidate(Operation.of("native"), FLOAT))
    count = count_found(space, 4, chosen, Quantizer.of("none"), (180, 320))
    assert round(total("params", count) / 1e3) == int(params)
    assert round(total("macs", count) / 1e9, 1) == float(macs)


def test_every_known_network_is_in_the_table() -> None:
    others = {"basic", "skeleton", "module", "quantnas-rfdn"}
    ours = {entry.name for entry in plugins().registries["space"] if entry.distribution == "qnas"}
    assert {row[0] for row in TABLE} == ours - others


def test_the_block_of_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "qnas_bottleneck.py").write_text(BLOCK)
    monkeypatch.syspath_prepend(str(folder))
    plugin: Any = __import__("qnas_bottleneck")
    found, info = plugins(), PluginInfo("bottleneck", "qnas-bottleneck", "1.0", "qnas_bottleneck")
    found.add(plugin, info)
    try:
        space = Space.of({"name": "skeleton", "body": [{"block": "bottleneck", "repeat": 2}]})
        slots = slot_candidates(space, 2)
        assert [path for path in slots if path.startswith("body.1.")] == [f"body.1.body.{i}" for i in range(3)]
    finally:
        found.registries["block"].remove(found.registries["block"].entry("bottleneck"))
        found.manager.unregister(plugin)


def test_the_check_of_the_page() -> None:
    exec(CHECK, {})
