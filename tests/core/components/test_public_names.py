import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qnas
from qnas.core.settings import SPEC_VERSION

from ...synthetic_runs import write_run

ROOT = Path(__file__).resolve().parents[3]
SHOWN = [
    ROOT / "README.md",
    ROOT / "docs/index.md",
    ROOT / "docs/spaces.md",
    ROOT / "docs/reference/hooks.md",
    *(ROOT / "docs/tutorials").rglob("*.md"),
    *(ROOT / "core/cli/commands/new/templates").rglob("*.j2"),
    *(path for end in ("py", "md", "toml", "yaml") for path in (ROOT / "examples").rglob(f"*.{end}")),
]


@pytest.mark.parametrize("name", qnas.__all__)
def test_a_public_name_can_be_imported(name):
    assert hasattr(qnas, name)


def test_an_editor_that_asks_is_told_all_public_names():
    code = "import qnas, sys; print(*dir(qnas)); assert 'torch' not in sys.modules"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in told if not name.startswith("__")] == sorted(qnas.__all__)
    assert "__version__" in told


def test_type_checkers_see_the_names_that_there_are():
    stub = ast.parse(Path(qnas.__file__).with_suffix(".pyi").read_text())
    seen = [alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen, key=str) == sorted(qnas.__all__)  # None is for a name that they do not export


def test_what_authors_copy_from_has_public_names_only():
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SHOWN}
    assert {"docs/tutorials/cost.md", "core/cli/commands/new/templates/package/searcher.py.j2"} < set(texts)
    assert "examples/qnas-ghost/tests/test_space.py" in texts
    assert [path for path, text in texts.items() if re.search(r"qnas\.core|from qnas import core", text)] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No qnas attribute Nothing"):
        _ = qnas.Nothing


@pytest.mark.slow
def test_check_imports_nothing_that_it_can_do_without():
    heavy = ("torch._dynamo", "torch.fx.experimental.symbolic_shapes", "sympy", "matplotlib", "scipy", "jinja2")
    code = (
        "import sys; from qnas.core.cli.main import invoke; invoke(['check', 'specs/quickstart.yaml']);"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "spaces"], ["compare", "0", "1"]])
def test_what_needs_no_network_imports_no_torch(arguments: list[str], tmp_path: Path):
    for seed in (0, 1):
        write_run(tmp_path / str(seed), fields={"seed": seed, "version": SPEC_VERSION})
    code = (
        f"import sys; sys.modules['torch'] = None; from qnas.core.cli.main import invoke; sys.exit(invoke({arguments}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)


def test_importing_qnas_imports_nothing_heavy():
    code = "import qnas, sys; print([m for m in ('torch', 'pydantic', 'numpy', 'pluggy') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
