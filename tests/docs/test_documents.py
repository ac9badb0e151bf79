"""Every command and every piece of code in the documents works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import qnas
from qnas.core.network import QuantizedLayers

from .conftest import ROOT, blocks, commands, console, shell
from .shown import Command, missing

README = commands("README.md")
QNAS = [block for block in console("README.md") if block[0].line.startswith("qnas ")]
MADE = [command for command in {*README, *commands("CONTRIBUTING.md")} if command.startswith("make ")]
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")),
    *(ROOT / "docs").rglob("*.md"),
]
BY_HAND = [command for command in README if not command.startswith(("qnas ", "make "))]
SHORT = "--set search.steps=8 --set train.steps=8"
"""For a run that only needs some network, however bad."""
RUN_SMALL = f"qnas run small.yaml {SHORT} --until train"


def test_no_command_is_left_out() -> None:
    assert sum(map(len, QNAS)) >= 14
    assert sorted(MADE) == ["make demo", "make docs", "make lint", "make slow", "make test", "make thorough"]
    assert len(BY_HAND) == 3


@pytest.fixture
def folder(checkout: Path, tmp_path: Path) -> Path:
    """What README's commands need, in a folder of its own."""
    return shutil.copytree(checkout, tmp_path / "checkout", ignore=shutil.ignore_patterns("runs"))


@pytest.fixture(scope="session")
def small(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of ``small.yaml`` that README's other commands are about."""
    made = tmp_path_factory.mktemp("small") / "checkout"
    shutil.copytree(checkout, made, ignore=shutil.ignore_patterns("runs"))
    output(RUN_SMALL, made)
    return made / "runs/small"


def output(command: str, folder: Path) -> str:
    """What a command prints if it succeeds."""
    done = shell(command, folder, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("block", QNAS, ids=lambda block: block[-1].line)
def test_the_commands_of_the_readme(block: list[Command], folder: Path, request: pytest.FixtureRequest) -> None:
    if any("runs/small " in command.line for command in block):
        shutil.copytree(request.getfixturevalue("small"), folder / "runs/small")
    for command in block:
        printed = output(command.line, folder)
        assert printed
        assert not missing(command, printed), printed


@pytest.mark.slow
def test_the_program_of_the_readme_gives_the_images_of_upscale(folder: Path, small: Path) -> None:
    shutil.copytree(small, folder / "runs/small")
    output("qnas export runs/small --target onnxruntime", folder)
    output("qnas upscale runs/small photo.png --target onnxruntime -o upscaled", folder)
    (folder / "program.py").write_text(blocks("README.md", "python")[1])
    output("python program.py", folder)
    assert (folder / "photo_x2.png").read_bytes() == (folder / "upscaled/photo_x2.png").read_bytes()


@pytest.mark.parametrize("command", sorted(MADE))
def test_make_knows_the_target(command: str) -> None:
    assert shell(f"{command} --dry-run", ROOT).returncode == 0


@pytest.mark.slow
def test_the_plugin_of_the_readme_is_found_and_runs(plugin: Path, checkout: Path) -> None:
    listed = shell("qnas list spaces", checkout, PYTHONPATH=str(plugin))
    assert "chain" in listed.stdout
    assert "qnas-chain" in listed.stdout
    space = "--set 'space={name: chain, depth: 5}'"
    done = shell(f"qnas run small.yaml --out {plugin}/out {space} {SHORT}", checkout, PYTHONPATH=str(plugin))
    assert done.returncode == 0, done.stderr
    assert "conv3x3" in (plugin / "out/architecture.json").read_text()


@pytest.mark.slow
def test_the_plugin_of_the_readme_runs_as_a_single_file(checkout: Path, tmp_path: Path) -> None:
    fields = "--set 'space={name: chain, depth: 5}' --set 'plugins=[./qnas_chain.py]'"
    output(f"qnas run small.yaml --out {tmp_path}/out {fields} {SHORT}", checkout)
    assert (tmp_path / "out/plugins/qnas_chain.py").read_text() == (checkout / "qnas_chain.py").read_text()


def test_the_operation_of_contributing_works() -> None:
    names: dict[str, Any] = {"__name__": "shuffled"}
    exec(blocks("CONTRIBUTING.md", "python")[0], names)
    operation = names["ShuffledConvolution"](groups=2)
    slot = qnas.SlotShape("body", 4, 6)
    layers = QuantizedLayers(qnas.Quantizer.of("lsq"), qnas.Widths(4, 4))
    assert operation.build(slot, layers)(torch.rand(1, 4, 5, 5)).shape == (1, 6, 5, 5)
    assert "don't divide" in operation.unfit(qnas.SlotShape("body", 4, 5))


def test_help_does_not_import_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from qnas.core.cli.main import main; main()"
    for arguments in (["--help"], ["run", "--help"], ["list", "spaces"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        pointed = document.parent / path if path else document
        assert target.startswith("https://") or pointed.exists(), target
        assert not anchor or f"#{anchor}" in anchors(pointed), target


def anchors(document: Path) -> list[str]:
    """The places in a document that links can point to."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return [f"#{re.sub(r'[^a-z0-9_ -]', '', title.lower()).replace(' ', '-')}" for title in titles]


def test_what_the_site_shows_points_to_nothing_beside_it() -> None:
    for document in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
            is_inside = (document.parent / target).resolve().is_relative_to(ROOT / "docs")
            assert target.startswith("https://") or is_inside, f"{document}: {target}"
