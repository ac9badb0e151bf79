"""The notebooks run as they are, and show what they showed when they were written; the site has them as pages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from docs.generator.notebook_pages import as_markdown
from docs.generator.notebooks import FOLDER, executed

from .conftest import ROOT

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 100_000


def read(notebook: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(notebook.read_text())
    return made


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def kinds(cell: dict[str, Any]) -> list[list[str]]:
    """What a cell shows, by the sorts of its outputs."""
    return [sorted(output.get("data", [output.get("name")])) for output in cell["outputs"]]


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["quantize", "search"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "here").mkdir()
    now = executed(path, tmp_path / "here")
    assert [kinds(cell) for cell in code_cells(now)] == [kinds(cell) for cell in code_cells(read(path))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_of_a_notebook_was_run_in_order_and_tells_nothing_of_the_machine(path: Path) -> None:
    text, notebook = path.read_text(), read(path)
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert len(text) < MOST_BYTES
    assert not re.search(r"/(home|root|tmp|work|Users|usr)/|site-packages", text)
    assert "version" not in notebook["metadata"]["language_info"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_qnas_alone_and_nothing_from_inside_it(path: Path) -> None:
    code = "\n".join("".join(cell["source"]) for cell in code_cells(read(path)))
    imported = re.findall(r"^(?:import|from) (qnas\S*)", code, re.MULTILINE)
    assert imported == ["qnas"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_points_to_is_there(path: Path) -> None:
    text = "".join("".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert targets
    assert all(target.startswith("https://") or (path.parent / target).is_file() for target in targets)


def test_a_page_of_the_site_has_text_code_and_outputs() -> None:
    shown = {"output_type": "execute_result", "data": {"text/plain": ["7"]}}
    table = {"output_type": "display_data", "data": {"text/html": "<table></table>", "text/plain": "t"}}
    drawn = {"output_type": "display_data", "data": {"image/svg+xml": ["<svg>", "</svg>"]}}
    printed = {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": "7", "outputs": [printed, shown, table, drawn]},
    ]
    assert as_markdown({"cells": cells}).split("\n\n") == [
        "# Title\nwords",
        "```python\n7\n```",
        "```{ .text .output }\na\nb\n```",
        "```{ .text .output }\n7\n```",
        "<table></table>",
        "![What the code above draws](data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=)\n",
    ]


def test_every_notebook_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert all(f": notebooks/{path.name}\n" in navigation for path in NOTEBOOKS)
