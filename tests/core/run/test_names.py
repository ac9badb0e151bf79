"""Names of files in a run's folder appear in one place, and reading a run is quick."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas.core.run import names

from ...synthetic_runs import write_run

ROOT = Path(__file__).parents[3]
HOMES = {"core/run/names.py", "core/files/folder.py", "core/files/exclusive.py"}
NAMES = {value.rpartition("/")[2] for value in vars(names).values() if isinstance(value, str) and "." in value[-20:]}
OTHERS = {
    ("spaces/foreign/local_code.py", "/index.json"),  # of the code that a space keeps
    ("core/cli/commands/new/command.py", "qnas run spec.yaml"),  # the user's own
}


def texts(path: Path) -> Iterator[str]:
    """The string literals of a module, without docstrings."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_no_file_name_stands_in_two_modules() -> None:
    assert {"spec.yaml", "result.json", "history.jsonl", ".lock", "model.safetensors", "run.log", "best.json"} <= NAMES
    found = [
        (str(path.relative_to(ROOT)), text)
        for room in ("core", "plugins", "spaces", "quantizers")
        for path in (ROOT / room).rglob("*.py")
        if str(path.relative_to(ROOT)) not in HOMES
        for text in texts(path)
        if any(name in text for name in NAMES)
    ]
    assert set(found) - OTHERS == set()


def test_a_lower_room_that_has_to_know_a_name_is_where_it_stands() -> None:
    for home, name in (("core/files/folder.py", names.HISTORY), ("core/files/exclusive.py", names.LOCK)):
        assert sum(name in text for text in texts(ROOT / home)) == 1
        assert all(name not in text for text in texts(ROOT / "core/run/names.py"))


SLOW = ("torch", "numpy", "h5py", "PIL", "skimage")
READ = """
from qnas import RunFolder, RunRecord
run = RunRecord(RunFolder(Path(sys.argv[1])))
run.refuse_unfinished()
assert (run.spec_data["name"], run.spec_version, run.ended) == ("run", 0, ["search", "evaluate", "report"])
assert run.result["params"] and run.stages["search"] and run.environment and run.scores and run.page
assert run.history["search"] == [] == run.examples and not run.image_names and not run.image_digests
"""


@pytest.mark.parametrize("code", ["import qnas.core.run.names", READ], ids=["names", "record"])
def test_what_only_reads_a_run_loads_neither_torch_nor_images(code: str, tmp_path: Path) -> None:
    write_run(tmp_path / "run", fields={"version": 0})
    loaded = f"import sys; from pathlib import Path\n{code}\nprint([m for m in {SLOW} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", loaded, str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
