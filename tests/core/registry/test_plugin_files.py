"""Plugins that are a single file: in a spec, on the command line, and kept in runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.registry import load_plugin_file, plugins, with_plugin_file
from qnas.core.registry.plugin_files import _loaded, _unload
from qnas.core.run.record import RunRecord
from qnas.core.spec import load_spec
from qnas.core.spec.kept import complete

PLUGIN = '''
"""A regularizer and a space in one file."""

import qnas


class Doubled(qnas.Regularizer):
    """Twice the mean probability of the first candidate."""

    factor: float = FACTOR

    def penalty(self, progress):
        """See :meth:`qnas.Regularizer.penalty`."""
        return self.factor * progress.probabilities[:, 0].mean()


@qnas.hookimpl
def qnas_register_regularizers(register):
    register("doubled", Doubled, "Twice the first")


@qnas.hookimpl
def qnas_register_spaces(register):
    register("small-basic", "qnas.spaces.basic:BasicSpace", "A basic space of 6 channels", channels=6, cells=1)
'''


@pytest.fixture(autouse=True)
def folder(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tiny.parent)
    write()
    yield tiny.parent
    for file in list(_loaded.values()):
        _unload(file)


def write(factor: float = 2, name: str = "mine.py") -> None:
    Path(name).write_text(PLUGIN.replace("FACTOR", str(factor)))


def add_to_spec(*lines: str) -> None:
    with Path("spec.yaml").open("a") as spec:
        spec.write("\n".join(lines) + "\n")


def errors(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert invoke(arguments) == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.slow
def test_a_run_uses_a_file_and_keeps_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_to_spec("plugins: [./mine.py]", "regularizers: {doubled: {weight: 0.1}}")
    assert invoke(["run", "spec.yaml", "--out", "run", "--set", "space={name: small-basic, bits: [4, 8]}"]) == 0
    assert Path("run/plugins/mine.py").read_text() == Path("mine.py").read_text()
    assert [path.name for path in Path("run/plugins").iterdir()] == ["mine.py"]
    assert "sha256:" in Path("run/environment.json").read_text()
    Path("mine.py").unlink()
    _unload(_loaded["mine.py"])
    assert RunRecord(RunFolder(Path("run"))).architecture.space.label == "small-basic"
    _unload(_loaded["mine.py"])
    assert invoke(["report", "run"]) == 0
    capsys.readouterr()


def test_a_run_goes_on_with_the_file_that_it_began_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_to_spec("plugins: [./mine.py]", "regularizers: {doubled: {weight: 0.1}}")
    assert invoke(["run", "spec.yaml", "--out", "run", "--until", "search"]) == 0
    write(factor=3)
    assert load_spec("spec.yaml").regularizers["doubled"].factor == 3  # type: ignore[attr-defined]
    assert invoke(["run", "spec.yaml", "--out", "run", "--resume"]) == 0
    assert RunRecord(RunFolder(Path("run"))).spec.regularizers["doubled"].factor == 2  # type: ignore[attr-defined]
    capsys.readouterr()


@pytest.mark.slow
def test_what_comes_of_a_run_takes_the_file_that_it_keeps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that the spec names is gone, or says something else by now."""
    add_to_spec("plugins: [./mine.py]", "regularizers: {doubled: {weight: 0.1}}")
    assert invoke(["run", "spec.yaml", "--out", "run", "--set", "train.steps=1", "--set", "train.validations=1"]) == 0
    write(factor=3)
    assert RunRecord(RunFolder(Path("run"))).spec.regularizers["doubled"].factor == 2  # type: ignore[attr-defined]
    Path("mine.py").unlink()
    _unload(_loaded["mine.py"])
    assert invoke(["derive", "run", "--between", "8", "--steps", "1", "-o", "derived"]) == 0
    assert Path("derived/plugins/mine.py").is_file()
    capsys.readouterr()


def test_comparing_runs_of_strangers_loads_no_file(folder: Path) -> None:
    Path("evil.py").write_text("open('imported', 'w')")
    kept = {"name": "run", "scale": 2, "plugins": [str(folder / "evil.py")]}
    assert complete(kept)["plugins"] == kept["plugins"]
    assert not Path("imported").exists()


def test_a_file_that_is_named_twice_is_one(folder: Path) -> None:
    add_to_spec("plugins: [./mine.py]")
    with with_plugin_file("mine.py"):
        assert load_spec("spec.yaml").plugins == ("./mine.py",)


def test_the_command_line_names_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["list", "regularizers", "--plugin", "mine.py"]) == 0
    assert "doubled" in capsys.readouterr().out
    assert invoke(["list", "regularizers"]) == 0
    assert "doubled" not in capsys.readouterr().out
    assert invoke(["show", "regularizer", "doubled", "--plugin", "mine.py"]) == 0
    assert "factor" in capsys.readouterr().out
    out = ("--out", "run", "--until", "search", "--set", "regularizers={doubled: {}}")
    assert invoke(["run", "spec.yaml", "--plugin", "mine.py", *out]) == 0
    assert "- mine.py" in Path("run/spec.yaml").read_text()


@pytest.mark.slow
def test_a_sweep_hands_files_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", "regularizers={doubled: {}}", "--seeds", "1", "--out", "sweep")
    assert invoke(["sweep", "spec.yaml", "--plugin", "mine.py", *options]) == 0
    assert Path("sweep/seed-0/plugins/mine.py").is_file()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import nothing_of_that_name", "can't be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def broken(:", "can't be loaded: SyntaxError"),
        ("x = 1", "it has no hooks: write @qnas.hookimpl above"),
        ("raise SystemExit(3)", "can't be loaded: SystemExit"),
        ("import qnas\n@qnas.hookimpl\ndef qnas_register_spaces(register):\n  register('basic', object, '')", "basic"),
        ("import qnas\n@qnas.hookimpl\ndef qnas_register_spacs(register): ...", "did you mean"),
    ],
)
def test_a_broken_file_is_one_line(content: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text(content)
    before = len(plugins().found)
    add_to_spec("plugins: [./broken.py]")
    (line,) = errors(capsys, "check", "spec.yaml")
    assert line.startswith("spec.yaml:15:11: plugins.0: the plugin 'broken.py'")
    assert told in line
    assert len(plugins().found) == before


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("[./none.py]", "plugins.0: the plugin './none.py' can't be read: No such file or directory"),
        ("[./mine.txt]", "plugins.0: the plugin './mine.txt' must be a Python file"),
        ("[mine.py, other/mine.py]", "plugins.1: another plugin file has the same name"),
        ("mine.py", "plugins: "),
    ],
)
def test_what_is_no_file_is_one_line(stated: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    add_to_spec(f"plugins: {stated}")
    (line,) = errors(capsys, "check", "spec.yaml")
    assert told in line


@pytest.mark.parametrize(
    "arguments", [["check", "spec.yaml", "--plugin", "mine.py", "--no-code"], ["check", "named.yaml", "--no-code"]]
)
def test_no_code_loads_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("named.yaml").write_text(Path("spec.yaml").read_text() + "plugins: [mine.py]\n")
    Path("mine.py").write_text("open('imported', 'w')")
    (line,) = errors(capsys, *arguments)
    assert "is code, which --no-code refuses to load" in line
    assert not Path("imported").exists()


def test_two_files_can_t_register_the_same_name() -> None:
    load_plugin_file("mine.py")
    write(name="other.py")
    with pytest.raises(InputError, match=r"can't be loaded: two .* are named"):
        load_plugin_file("other.py")
