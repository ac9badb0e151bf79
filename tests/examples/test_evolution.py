"""The example of a searcher: it continues where it was stopped, installs, and runs as its README says."""

import ast
import functools
import importlib
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import qnas
from qnas.core.cli.main import invoke
from qnas.core.files.folder import RunFolder
from qnas.core.registry import PluginInfo, hookimpl, listening, plugins
from qnas.core.run.resuming.stop import Interrupted, Stop
from qnas.core.run.run import run_spec
from qnas.core.spec import read_spec
from qnas.testing import check_searcher

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "qnas-evolution"
Shell = Callable[[str], CompletedProcess[str]]
SMALL = ("search={name: evolution, population: 3, generations: 2, steps: 3, batch: 2}", "search.mutation=0.3")


@pytest.fixture
def evolution(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin, loaded until the test ends."""
    monkeypatch.syspath_prepend(EXAMPLE)
    module = importlib.import_module("qnas_evolution.plugin")
    loaded = plugins()
    loaded.add(module, PluginInfo("evolution", "qnas-evolution", "0.1.0", "qnas_evolution.plugin"))
    yield
    loaded.manager.unregister(module)
    loaded.registries["searcher"].remove(loaded.registries["searcher"].entry("evolution"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "qnas_evolution"]:
        del sys.modules[name]


def test_it_imports_only_public_names() -> None:
    imported, named = set(), set()
    for path in (EXAMPLE / "qnas_evolution").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "qnas":
                named.add(node.attr)
    assert {name for name in imported if name.partition(".")[0] == "qnas"} == {"qnas"}
    assert {"SearchTask", "Loop"} <= named <= set(qnas.__all__)


@pytest.mark.parametrize("fitness", ["trained", "inherited"])
def test_it_keeps_the_contract(fitness: str, evolution: None) -> None:
    small = {"population": 2, "generations": 1, "steps": 2, "batch": 2}
    check_searcher({"name": "evolution", "fitness": fitness, **small})


@pytest.mark.parametrize("fitness", ["trained", "inherited"])
def test_it_runs_from_the_command_line(fitness: str, evolution: None, tiny: Path) -> None:
    out = tiny.parent / "out"
    sets = [argument for change in (*SMALL, f"search.fitness={fitness}") for argument in ("--set", change)]
    assert invoke(["run", str(tiny), "--out", str(out), "--until", "train", *sets]) == 0
    assert (out / "model.safetensors").is_file()


@pytest.mark.parametrize("fitness", ["trained", "inherited"])
def test_a_search_that_is_stopped_ends_as_if_it_never_had_been(fitness: str, evolution: None, tiny: Path) -> None:
    spec = read_spec(tiny, [*SMALL, f"search.fitness={fitness}"]).spec
    whole, stopped = (RunFolder(tiny.parent / name) for name in ("whole", "stopped"))
    run_spec(spec, whole, until="search")
    for at in (2, 5):
        stop = Stop()
        with listening(_Stopping(stop, at)), pytest.raises(Interrupted):
            run_spec(spec, stopped, until="search", stop=stop, resume=at > 2)
    run_spec(spec, stopped, until="search", resume=True)
    assert stopped.read_text("search/history.jsonl") == whole.read_text("search/history.jsonl")
    assert stopped.read_text("architecture.json") == whole.read_text("architecture.json")


def test_every_network_is_a_step_of_its_generation(evolution: None, tiny: Path) -> None:
    folder = RunFolder(tiny.parent / "run")
    run_spec(read_spec(tiny, SMALL).spec, folder, until="search")
    lines = list(folder.history("search"))
    assert [line["generation"] for line in lines] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [line["step"] for line in lines] == list(range(1, 10))
    assert len({line["objective"] for line in lines}) > 1


def test_a_spec_names_it_and_its_mistakes_have_places(
    evolution: None, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tiny.read_text()
    tiny.write_text(re.sub(r"search: .*", "search: {name: evolution, population: 1}", text))
    assert invoke(["check", str(tiny)]) == 2
    assert "spec.yaml:13:39: search.population: must be greater than or equal to 2 (got 1)" in capsys.readouterr().err


class _Stopping:
    """Asks a run to stop once its search has taken a step."""

    def __init__(self, stop: Stop, at: int) -> None:
        self._stop = stop
        self._at = at

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if stage == "search" and step == self._at:
            self._stop.ask(15)


@pytest.fixture(scope="module")
def shell(throwaway, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Runs a command in a copy of the example, which is installed: building leaves files behind."""
    folder = tmp_path_factory.mktemp("evolution") / "qnas-evolution"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "runs", "dist"))
    run = functools.partial(throwaway.shell, folder=folder, OMP_NUM_THREADS="1", COLUMNS="200")
    done = run("python -m pip install --quiet --disable-pip-version-check .")
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.slow
def test_its_own_tests_pass(shell: Shell) -> None:
    done = shell("pytest -q -p no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_the_commands_of_its_readme_are_understood(shell: Shell) -> None:
    shown = re.findall(r"^\$ qnas (.*)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert len(shown) == 4
    commands = [shlex.split(re.sub(r"^run (.*?)(--out \S+|$)", r"check \1", command)) for command in shown]
    code = f"from qnas.core.cli.main import invoke; raise SystemExit(max(map(invoke, {commands})))"
    done = shell(f"python -c {shlex.quote(code)}")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_its_spec_runs_to_the_report(shell: Shell, tmp_path: Path) -> None:
    done = shell(f"qnas run spec.yaml --out {tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    leaves = RunFolder(tmp_path / "run").read_json("result.json")["test"]["leaves"]
    assert leaves["psnr_y"] > leaves["bicubic"]["psnr_y"]
