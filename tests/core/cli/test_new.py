"""``qnas new plugin``: what it writes can be installed, passes its tests and runs unchanged."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from qnas.core.cli.commands.new.name import PluginName
from qnas.core.cli.main import invoke
from qnas.core.components import Component
from qnas.core.registry import BY_NAME, KINDS, PluginInfo, Plugins, find_plugins
from qnas.core.spec import load_spec

from .test_bad_input import fails_with

ROOT = Path(__file__).resolve().parents[3]
EVERY = (*KINDS, "events")
LONGEST = "a-name-of-forty-characters-in-many-words"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flags(*kinds: str) -> list[str]:
    return [word for kind in kinds for word in ("--kind", kind)]


def write(name: str, *kinds: str, out: str = ".") -> Path:
    """The folder of a new plugin."""
    Path(out).mkdir(exist_ok=True)
    assert invoke(["new", "plugin", name, "--out", out, *flags(*kinds)]) == 0
    return Path(out) / f"qnas-{name.removeprefix('qnas-')}"


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_the_files_of_a_plugin() -> None:
    files = texts(write("shuffle", "operation"))
    assert set(files) == {
        ".github/workflows/tests.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "qnas_shuffle/__init__.py",
        "qnas_shuffle/operation.py",
        "qnas_shuffle/plugin.py",
        "qnas_shuffle/py.typed",
        "spec.yaml",
        "tests/test_contract.py",
    }
    assert "class ShuffleOperation(qnas.Operation):" in files["qnas_shuffle/operation.py"]
    assert 'shuffle = "qnas_shuffle.plugin"' in files["pyproject.toml"]
    assert 'check_operation("shuffle")' in files["tests/test_contract.py"]
    assert not any(line.endswith(" ") or "{%" in line for text in files.values() for line in text.splitlines())


def test_its_workflow_does_what_its_readme_says() -> None:
    files = texts(write("shuffle", "operation"))
    (job,) = yaml.safe_load(files[".github/workflows/tests.yml"])["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[1:] == ["pip install --editable '.[test]'", "qnas doctor", "pytest"]
    assert job["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"
    assert "the authors of qnas-shuffle" in files["LICENSE"]


def test_a_name_has_the_prefix_or_gets_it() -> None:
    assert texts(write("qnas-shuffle", "operations", out="other")) == texts(write("shuffle", "operation"))


def test_a_plugin_has_a_space_unless_it_is_told_otherwise() -> None:
    assert texts(write("ghost")) == texts(write("ghost", "space", out="other"))


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shuffle", "operation", "ShuffleOperation"),
        ("deep-ghost2x", "space", "DeepGhost2xSpace"),
        ("ghost-block", "block", "GhostBlock"),
        ("block", "block", "BlockBlock"),
    ],
)
def test_the_class_is_named_after_the_plugin(name: str, kind: str, expected: str) -> None:
    assert PluginName.parse(name).class_of(kind) == expected


@pytest.fixture
def fresh(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """Plugins of this test alone; the modules that it imports are forgotten afterwards."""
    loaded = find_plugins()
    monkeypatch.setattr("qnas.core.components.component.plugins", lambda: loaded)
    before = set(sys.modules)
    yield loaded
    for name in set(sys.modules) - before:
        if name.startswith("qnas_"):
            del sys.modules[name]


def take_in(folder: Path, fresh: Plugins, monkeypatch: pytest.MonkeyPatch) -> PluginInfo:
    """The plugin in ``folder``, loaded as if it were installed."""
    monkeypatch.syspath_prepend(folder)
    target = f"{folder.name.replace('-', '_')}.plugin"
    return fresh.add(import_module(target), PluginInfo("new", folder.name, "0.1.0", target))


@pytest.mark.parametrize(("name", "kind"), [*((kind, kind) for kind in KINDS), ("fake", "quantizer")])
def test_a_plugin_of_one_kind(name: str, kind: str, fresh: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{name}-x" if name == kind else name
    folder = write(name, kind)
    assert take_in(folder, fresh, monkeypatch).registered == (f"{kind} {name}",)
    component: type[Component] = fresh.registries[kind].load(name)
    assert component.__doc__ and "Attributes:" in component.__doc__
    is_named = f'"{name}"' in load_spec(folder / "spec.yaml").model_dump_json(exclude={"name"})
    assert is_named == BY_NAME[kind].in_specs
    assert invoke(["check", f"{folder}/spec.yaml"]) == 0


def test_a_plugin_that_listens_only(fresh: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("diary", "events")
    assert take_in(folder, fresh, monkeypatch).registered == ()
    assert fresh.manager.hook.qnas_stage_ended.get_hookimpls()
    assert load_spec(folder / "spec.yaml").name == "diary"


def finds_nothing(tool: str, *arguments: str, folder: Path) -> None:
    """Run one of our linters, where we have them, with what pyproject.toml tells it."""
    pytest.importorskip(tool)
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["x", LONGEST])
def test_ruff_finds_nothing(name: str) -> None:
    folder = write(name, *EVERY)
    ours = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), "--config", "src = ['.']"]
    finds_nothing("ruff", "check", *ours, folder=folder)
    finds_nothing("ruff", "format", "--check", *ours, folder=folder)


@pytest.mark.slow
def test_mypy_finds_nothing() -> None:
    folder = write("typed", *EVERY)
    ours = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    finds_nothing("mypy", *ours, "-p", "qnas_typed", "-p", "tests", folder=folder)


def says(throwaway, command: str, folder: Path, **variables: str) -> str:
    """The output of a command, which must succeed."""
    done = throwaway.shell(command, folder, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(throwaway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plugin of all kinds, installed as the command said."""
    folder = tmp_path_factory.mktemp("workshop")
    said = says(throwaway, f"qnas new plugin all-kinds {' '.join(flags(*EVERY))}", folder)
    commands = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert commands == ["cd qnas-all-kinds", "pip install -e '.[test]'", "qnas list", "pytest", "qnas run spec.yaml"]
    says(throwaway, " && ".join(commands[:2]), folder)
    return folder / "qnas-all-kinds"


def test_it_is_listed_at_once(throwaway, installed: Path) -> None:
    rows = [line.split() for line in says(throwaway, "qnas list", installed, COLUMNS="200").splitlines()]
    assert len([row for row in rows if "all-kinds" in row and row[-1] == "qnas-all-kinds"]) == len(KINDS)


def test_it_passes_its_tests(throwaway, installed: Path) -> None:
    assert f"{len(EVERY)} passed" in says(throwaway, "pytest", installed)


def test_its_spec_runs(throwaway, installed: Path) -> None:
    says(throwaway, "qnas run spec.yaml", installed)
    run = installed / "runs/all-kinds"
    assert "| generated |" in (run / "report.md").read_text()
    assert (run / "all-kinds.log").read_text().startswith("search: ")
    assert (run / "export/all-kinds.pt2").is_file()


def test_its_spec_says_how_to_use_the_block_instead_of_the_space(throwaway, installed: Path) -> None:
    lines = (installed / "spec.yaml").read_text().splitlines()
    (space,) = (line.removeprefix("# space: ") for line in lines if line.startswith("# space: "))
    assert "body.0.body.0" in says(throwaway, f"qnas check spec.yaml --set 'space={space}'", installed)


@pytest.mark.parametrize(
    ("kinds", "command"),
    [
        (["operation", "events"], "qnas list operations"),
        (["operation", "space"], "qnas list"),
        (["events"], "qnas doctor"),
    ],
)
def test_the_next_commands_show_what_there_is(
    kinds: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("x", *kinds)
    assert f"  {command}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Shuffle"], r"^'Shuffle' is no name of a plugin \(lower-case letters,.*; did you mean 'shuffle'\?$"),
        (["GhostBlock"], r"did you mean 'ghost-block'\?$"),
        (["my_new  plugin!"], r"did you mean 'my-new-plugin'\?$"),
        (["3x--conv-"], r"did you mean 'x-conv'\?$"),
        (["qnas-"], r"^'qnas-' is no name of a plugin \(lower-case letters, [^;]*$"),
        (["../away"], r"did you mean 'away'\?$"),
        (["off"], r"^'off' is no name of a plugin: in a spec, YAML reads it as False$"),
        (["x" + LONGEST], r"is too long for the name of a plugin \(at most 40 characters\)$"),
        (["x", "--kind", "quantiser"], r"^no kind is named 'quantiser'; did you mean 'quantizer'\? \(kinds: space, "),
        (["x", "--kind", "hooks"], r"^no kind is named 'hooks' \(kinds: .*, launcher, events\)$"),
        (["lsq", "--kind", "quantizer"], r"^qnas has the quantizer 'lsq' already; choose another name$"),
        (["x", "--out", "nowhere"], r"^nowhere: there is no such folder to put the plugin in$"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    fails_with(["new", "plugin", *arguments], told, capsys)


def test_a_name_is_taken_for_its_kind_only() -> None:
    write("lsq", "operation")


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    before = texts(write("shuffle", "operation"))
    capsys.readouterr()
    fails_with(["new", "plugin", "shuffle"], r"^qnas-shuffle: is there already; nothing is overwritten$", capsys)
    assert texts(Path("qnas-shuffle")) == before


def test_nothing_is_left_of_what_could_not_be_written(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fills_up(self: Path, text: str, **_: object) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        written.append(self)
        self.write_bytes(text.encode())

    monkeypatch.setattr(Path, "write_text", fills_up)
    fails_with(["new", "plugin", "shuffle"], "the disk is full", capsys)
    assert len(written) == 3
    assert list(here.iterdir()) == []


def test_it_does_without_torch(here: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from qnas.core.cli.main import main; main()"
    for arguments in (["new", "plugin", "--help"], ["new", "plugin", "shuffle", *flags(*EVERY)]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
