"""What is generated in docs is up to date and complete."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import qnas
from qnas import testing
from qnas.core.cli.main import cli
from qnas.core.registry import BY_NAME, KINDS, PROJECT, plugins
from qnas.core.spec import Spec

from .conftest import ROOT, shell

REFERENCE = ROOT / "docs/reference"
CHECK = "python -m docs.generator --check"


def text(page: str) -> str:
    return (REFERENCE / f"{page}.md").read_text()


def test_the_pages_are_what_the_code_says_now() -> None:
    done = subprocess.run([sys.executable, *CHECK.split()[1:]], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"run make docs:\n{done.stderr}"


@pytest.mark.slow
def test_a_plugin_that_is_installed_changes_no_page(plugin: Path) -> None:
    assert "qnas-chain" in shell("qnas list spaces", ROOT, PYTHONPATH=str(plugin)).stdout
    done = shell(CHECK, ROOT, PYTHONPATH=str(plugin))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_page_that_is_out_of_date_is_told(tmp_path: Path) -> None:
    from shutil import copytree

    for folder in ("docs", "benchmarks/results"):
        copytree(ROOT / folder, tmp_path / folder)
    page = tmp_path / "docs/reference/hooks.md"
    page.write_text(page.read_text().replace("Register costs", "Register prices"))
    (tmp_path / "docs/reference/old.md").write_text("# Old")
    data = tmp_path / "docs/plugins.yaml"
    data.write_text(data.read_text().replace("An evolutionary search", "A search"))
    done = shell(CHECK, tmp_path)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "docs/plugins.md",
        "docs/reference/hooks.md",
        "docs/reference/old.md",
    ]
    assert done.stderr.count("run make docs") == 3
    assert shell("python -m docs.generator", tmp_path).returncode == 0
    assert page.read_text() == text("hooks")
    assert not page.with_name("old.md").exists()
    assert "| A search, with" in (tmp_path / "docs/plugins.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_component_and_every_field_of_it(kind: str) -> None:
    registry, page = plugins().registries[kind], text(BY_NAME[kind].plural)
    for entry in registry:
        if entry.distribution == PROJECT:
            component = registry.load(entry.name)
            assert f"[`{entry.name}`](#" in page
            assert f"`{component.__module__}.{component.__qualname__}`" in page
            assert all(f"| `{field}` | " in page for field in component.field_names())


def test_every_field_of_a_spec_says_what_it_is() -> None:
    rows = [line.strip("| ").split(" | ") for line in text("spec").splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows} >= set(Spec.model_fields)
    assert all(len(row) == 4 and row[3] for row in rows)


def test_every_command() -> None:
    def called(command: click.Command, name: str) -> list[str]:
        inner = command.commands if isinstance(command, click.Group) else {}
        return [name, *(line for key, value in inner.items() for line in called(value, f"{name} {key}"))]

    for name in called(cli, "qnas"):
        assert f"Usage: {name} " in text("cli")


def test_every_contract_and_every_public_name() -> None:
    assert all(f"## `{name}`\n" in text("testing") for name in testing.__all__)
    assert all(f"## `{name}`\n" in text("interfaces") for name in qnas.__all__)
