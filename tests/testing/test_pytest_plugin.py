"""The suites in the tests of a third-party plugin: ``pytest --pyargs qnas.testing --qnas-plugin NAME``."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qnas.core.registry import plugins

pytestmark = pytest.mark.slow

GHOST = """
    from pathlib import Path

    import qnas
    from qnas.core.registry import hookimpl


    class Weights(qnas.Cost):
        per_weight: int
        example = {"per_weight": 2}

        def of_convolution(self, convolution):
            return self.per_weight * convolution.weights


    class Heavier(Weights):
        pass


    class OfBits(qnas.Cost):
        table: Path

        def of_convolution(self, convolution):
            return 1


    class Half(qnas.Cost):
        def of_convolution(self, convolution):
            return convolution.weights / 2


    @hookimpl
    def qnas_register_costs(register):
        register("ghost-weights", "qnas_ghost:Weights", "Twice the weights")
        register("ghost-fixed", "qnas_ghost:Weights", "Weights", per_weight=-1)
        register("ghost-heavier", "qnas_ghost:Heavier", "Whatever it does, it is no small Weights")
        register("ghost-table", "qnas_ghost:OfBits", "From a table")
        register("ghost-half", "qnas_ghost:Half", "Half the weights")
        register("ghost-lost", "qnas_ghost:Lost", "A class that is not there")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with plugins installed as by pip."""
    modules = {
        "qnas_ghost": GHOST,
        "qnas_idle": "",
        "qnas_broken": "import a_package_that_nobody_has",
    }
    for name, code in modules.items():
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[qnas]\n{name.removeprefix('qnas_')} = {name}\n")
    return tmp_path


def run(site: Path, *arguments: str) -> tuple[int, str]:
    """The suites run with those plugins installed; returns the exit code and the output."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "qnas.testing", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    done = subprocess.run(command, check=False, cwd=site, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def outcomes(printed: str) -> dict[str, str]:
    return dict(re.findall(r"::test_\w+\[([\w -]+)\] (PASSED|FAILED|SKIPPED)", printed))


def test_every_component_of_a_plugin_is_checked(site):
    code, printed = run(site, "--qnas-plugin", "qnas_ghost", "-v", "-rs")
    assert code == 1
    assert outcomes(printed) == {
        "qnas-ghost ghost": "PASSED",
        "cost ghost-weights": "PASSED",
        "cost ghost-fixed": "FAILED",  # registered values take precedence over the example
        "cost ghost-heavier": "SKIPPED",  # the example is of another class
        "cost ghost-table": "SKIPPED",
        "cost ghost-half": "FAILED",
        "cost ghost-lost": "FAILED",
    }
    assert "cost 'ghost-table' needs table, but OfBits states no example" in printed
    assert re.search(r"ContractError: the cost 'ghost-half': for .* costs 144.0, which is not an int\n", printed)
    assert "the cost 'ghost-lost' of qnas-ghost can't be loaded" in printed


def test_a_plugin_that_is_broken_or_does_nothing_fails_with_its_reason(site):
    code, printed = run(site, "--qnas-plugin", "Qnas-Broken", "--qnas-plugin=idle", "-v")
    assert code == 1
    assert outcomes(printed) == {
        "qnas-broken broken": "FAILED",
        "qnas-idle idle": "FAILED",
        "NOTSET": "SKIPPED",  # it has no component
    }
    assert "plugin 'broken' of qnas-broken failed: ModuleNotFoundError: No module named 'a_package_that" in printed
    assert "plugin 'idle' of qnas-idle has no hooks, so it does nothing" in printed


def test_a_plugin_that_is_not_installed_is_told_with_those_that_are(site):
    code, printed = run(site, "--qnas-plugin", "qnas_gohst")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--qnas-plugin: no installed plugin is called 'qnas_gohst' (installed: qnas, qnas-broken" in printed
    assert "Traceback" not in printed


def test_without_the_option_every_plugin_is_checked(site):
    code, printed = run(site, "--collect-only", "-q")
    assert code == 0
    ids = set(re.findall(r"::test_contract\[(.*)\]", printed))
    ours = {f"{kind} {entry.name}" for kind, registry in plugins().registries.items() for entry in registry}
    assert ours < ids
    assert {"cost ghost-weights", "cost ghost-half"} <= ids


def test_pytest_imports_nothing_heavy_with_it():
    code = "import qnas.testing.pytest_plugin, sys; print({'torch', 'pydantic', 'numpy', 'pluggy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'pluggy'}"  # the exit code of pytest


def test_a_wrong_selection_of_plugins_is_a_usage_error(site, monkeypatch):
    monkeypatch.setenv("QNAS_PLUGINS", "goast")
    code, told = run(site, "--qnas-plugin", "qnas-ghost")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "QNAS_PLUGINS: no installed plugin is called 'goast'" in told
    assert "Traceback" not in told
