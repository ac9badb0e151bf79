"""The example of a plugin as users have it: installed from a copy, in its own environment."""

import csv
import functools
import json
import math
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "qnas-ghost"
Shell = Callable[[str], CompletedProcess[str]]


@pytest.fixture(scope="module")
def shell(throwaway, tmp_path_factory) -> Shell:
    """Runs a command in a copy of the example, which is installed: building leaves files behind."""
    folder = tmp_path_factory.mktemp("ghost") / "qnas-ghost"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "runs", "dist"))
    # One thread: the network is so small that more would mostly wait for each other.
    run = functools.partial(throwaway.shell, folder=folder, OMP_NUM_THREADS="1", COLUMNS="200")
    done = run("python -m pip install --quiet --disable-pip-version-check .")
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="module")
def run_folder(shell, tmp_path_factory) -> Path:
    """The folder of the ready spec's run."""
    out = tmp_path_factory.mktemp("run") / "ghost"
    done = shell(f"qnas run spec.yaml --out {out}")
    assert done.returncode == 0, done.stderr
    return out


def test_qnas_lists_its_components_with_its_distribution(shell: Shell) -> None:
    rows = [line.split() for line in shell("qnas list").stdout.splitlines()]
    names = {name for *front, distribution in rows if distribution == "qnas-ghost" for name in front[:2]}
    assert names >= {"ghost", "partial3x3", "partial5x5", "tqt"}


def test_qnas_finds_no_fault_with_it(shell: Shell) -> None:
    done = shell("qnas doctor")
    assert done.returncode == 0, done.stdout
    assert "qnas-ghost 0.1.0, qnas_ghost.plugin" in done.stdout


def test_its_hooks_are_imported_without_torch(shell: Shell) -> None:
    done = shell("""python -c "import sys; sys.modules['torch'] = None; import qnas_ghost.plugin" """)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_its_readme_are_understood(shell: Shell) -> None:
    """All in one process, to be quick. The runs are only checked: one is done below."""
    shown = re.findall(r"^\$ qnas (.*)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert len(shown) == 5
    commands = [shlex.split(re.sub(r"^run (.*?)(--out \S+|$)", r"check \1", command)) for command in shown]
    code = f"from qnas.core.cli.main import invoke; raise SystemExit(max(map(invoke, {commands})))"
    done = shell(f"python -c {shlex.quote(code)}")
    assert done.returncode == 0, done.stderr


def test_its_own_tests_pass(shell: Shell) -> None:
    done = shell("pytest -q -p no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_its_space_operation_and_quantizer_were_used(run_folder: Path) -> None:
    spec = yaml.safe_load((run_folder / "spec.yaml").read_text())
    assert spec["space"]["name"] == "ghost"
    assert spec["quantizer"]["train"]["name"] == "tqt"
    architecture = json.loads((run_folder / "architecture.json").read_text())
    assert architecture["space"]["name"] == "ghost"
    operations = {path: choice["operation"]["name"] for path, choice in architecture["slots"].items()}
    assert operations["blocks.1.body.widen.primary"] == operations["blocks.1.body.narrow.primary"] == "partial3x3"

    from qnas.core.files.folder import RunFolder

    state = RunFolder(run_folder).read_tensors("model.safetensors")
    assert any(name.endswith("log2_threshold") for name in state)


def test_each_step_is_a_row_of_numbers(run_folder: Path) -> None:
    spec = yaml.safe_load((run_folder / "spec.yaml").read_text())
    with (run_folder / "steps.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = [(stage, step) for stage in ("search", "train") for step in range(1, spec[stage]["steps"] + 1)]
    expected += [("evaluate", image) for image in range(1, 5)]
    assert [(row["stage"], int(row["step"])) for row in rows] == expected
    for row in rows:
        numbers = [float(text) for name, text in row.items() if name != "stage" and text]
        assert len(numbers) >= 2
        assert all(map(math.isfinite, numbers))


def test_the_found_network_beats_bicubic(run_folder: Path) -> None:
    leaves = json.loads((run_folder / "result.json").read_text())["test"]["leaves"]
    assert leaves["psnr_y"] - leaves["bicubic"]["psnr_y"] >= 0.5
