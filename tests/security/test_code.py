"""What our own code must not do; rules S of ruff guard the rest (pickle, eval, unsafe YAML, torch.load, shells)."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "plugins", "spaces", "quantizers", "src/qnas/testing")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name of what is called."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def callers(*names: str) -> set[str]:
    return {file.relative_to(ROOT).as_posix() for file in FILES for name, _ in calls(file) if name in names}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        # By name: of registered components, and of targets in specs.
        (
            ("importlib.import_module", "__import__", "import_module"),
            {"core/registry/registry.py", "spaces/foreign/target.py"},
        ),
        (("torch.load",), {"spaces/foreign/weights_file.py"}),
        (("h5py.File",), {"core/images/pack.py"}),
        (("Image.open", "PIL.Image.open"), {"core/images/image_file.py", "plugins/degradations/camera.py"}),
        (
            ("subprocess.Popen", "subprocess.run", "os.system", "os.popen", "os.exec", "subprocess.check_output"),
            {"core/cli/sweeping.py", "core/components/launcher.py", "core/deploy/memory.py"},
        ),
        (("yaml.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load"), {"core/cli/commands/new/name.py"}),
        (("eval", "exec", "compile", "pickle.loads", "pickle.load", "marshal.loads", "torch.save", "np.load"), set()),
    ],
    ids=lambda names: names[0] if isinstance(names, tuple) else "",
)
def test_what_opens_a_door_is_called_in_one_place(names: tuple[str, ...], files: set[str]) -> None:
    assert callers(*names) == files


def test_foreign_weights_are_read_as_weights_only() -> None:
    (call,) = [call for name, call in calls(ROOT / "spaces/foreign/weights_file.py") if name == "torch.load"]
    assert {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}["weights_only"] is True


def test_no_module_that_runs_what_it_reads_is_imported() -> None:
    forbidden = re.compile(r"^\s*(import|from) (pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b", re.MULTILINE)
    assert [file.name for file in FILES if forbidden.search(file.read_text(encoding="utf-8"))] == []


def test_templates_are_escaped_but_for_what_we_draw() -> None:
    templates = sorted((ROOT / "plugins/reports/templates").glob("*.j2"))
    unescaped = {found for file in templates for found in re.findall(r"\{\{ *([^}|]+)\|safe *\}\}", file.read_text())}
    assert unescaped == {"chart.svg()", "front.svg", "svg", "script"}
    assert not any(re.search(r"autoescape|Markup", file.read_text()) for file in templates)


def test_the_linter_looks_after_it() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    loose = {
        place: set(rules) & {"S", "S102", "S301", "S307", "S506", "S614"}
        for place, rules in ruff["per-file-ignores"].items()
    }
    assert {place for place, rules in loose.items() if rules} == {"tests/**"}
