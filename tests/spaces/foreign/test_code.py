"""Local code of targets: which files a run keeps, and how modules of the same name from two runs are kept apart."""

import copy
import importlib.metadata
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch

from qnas.core.components import Space
from qnas.core.errors import InputError, QnasWarning
from qnas.core.run.resuming.environment import environment
from qnas.spaces.foreign.code import code_of
from qnas.spaces.foreign.kept_code import KeptCode
from qnas.spaces.foreign.live_code import LiveCode
from qnas.spaces.foreign.local_code import INDEX, local_sources, read_sources, write_sources
from qnas.spaces.foreign.target import call

Write = Callable[[str, Mapping[str, str]], Path]

NET = """
import torch
from parts import gain
class Net(torch.nn.Module):
    def forward(self, image):
        import late
        return image * gain.GAIN + late.OFFSET
"""
FILES = {
    "nets.py": NET,
    "parts/__init__.py": "from . import gain\n",
    "parts/gain.py": "from .other import GAIN\n",
    "parts/other.py": "GAIN = 2\n",
    "parts/unused.py": "",
    "late.py": "OFFSET = 1\n",
    "stranger.py": "",
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes files into a folder and makes it the current one; none of their modules is imported yet."""
    before = set(sys.modules)

    def written(folder: str, files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        return tmp_path / folder

    yield written
    for name in set(sys.modules) - before:
        del sys.modules[name]


def made(home: Path | None = None, target: str = "nets:Net", **arguments: object) -> torch.nn.Module:
    code = code_of(target, arguments, home)
    with code.in_place():
        network: torch.nn.Module = call(target, arguments)
    code.stay_with(network)
    return network


def value(network: torch.nn.Module) -> float:
    return float(network(torch.ones(())))


def kept(folder: Path, target: str = "nets:Net", arguments: Mapping[str, object] | None = None) -> Path:
    """A run's folder that keeps the code of a target."""
    write_sources(folder, code_of(target, arguments or {}, None).sources)
    return folder


def test_all_that_is_imported_is_found_and_nothing_else(write):
    write("here", FILES)
    made()
    found = local_sources(["nets"])
    assert list(found) == ["late", "nets", "parts", "parts.gain", "parts.other"]
    assert {source.file for source in found.values()} == FILES.keys() - {"parts/unused.py", "stranger.py"}
    assert local_sources(["torch.nn", "json", "qnas.spaces.module", "no_such_module", "__main__"]) == {}


def test_modules_of_computed_names_and_of_namespace_packages_are_found(write, tmp_path):
    computed = "import importlib\nNet = importlib.import_module('kinds.' + 'one').Net\n"
    write("here", {**FILES, "nets.py": computed, "kinds/one.py": "from .two import Net\n", "kinds/two.py": NET})
    made()
    home = kept(tmp_path / "run")
    assert {"kinds.one", "kinds.two", "nets"} <= read_sources(home).keys()
    write("elsewhere", {})
    assert value(made(home)) == 3


def test_targets_in_arguments_are_kept_too(write, tmp_path):
    outer = "import torch\nclass Outer(torch.nn.Sequential):\n    def __init__(self, inner): super().__init__(*inner)\n"
    write("here", {**FILES, "outer.py": outer})
    arguments = {"inner": ({"target": "nets:Net"},)}
    home = kept(tmp_path / "run", "outer:Outer", arguments)
    write("elsewhere", {})
    assert value(made(home, "outer:Outer", **arguments)) == 3


def test_kept_code_is_used_from_another_folder_and_hidden_otherwise(write, tmp_path):
    home = kept_from(write, tmp_path)
    write("elsewhere", {})
    network = made(home)
    assert value(network) == 3
    assert value(copy.deepcopy(network)) == 3
    assert not {"nets", "parts", "late"} & sys.modules.keys()
    with pytest.raises(InputError, match="can't import nets: ModuleNotFoundError"):
        made()


def kept_from(write: Write, tmp_path: Path, name: str = "run", **changes: str) -> Path:
    write(f"of {name}", {**FILES, **{f"{module}.py": text for module, text in changes.items()}})
    return kept(tmp_path / name)


def test_two_runs_have_each_their_own_module_of_one_name(write, tmp_path):
    one = kept_from(write, tmp_path, "one")
    two = kept_from(write, tmp_path, "two", late="OFFSET = 40\n")
    here = write("here", {**FILES, "late.py": "OFFSET = 500\n"})
    with pytest.warns(QnasWarning, match=r"late.py in the current folder is not what .* was made with: the copy in"):
        networks = [made(one), made(two), made(), made(one)]
    for _ in range(2):  # whichever ran before; 'late' is imported only then
        assert [value(network) for network in networks] == [3, 42, 502, 3]
    assert Path(sys.modules["late"].__file__ or "").parent == here
    assert type(networks[0]) is type(networks[3])


def test_a_file_that_was_changed_is_imported_anew_and_the_run_keeps_its_own(write, tmp_path):
    here = write("here", FILES)
    first = made()
    assert value(first) == 3
    home = kept(tmp_path / "run")
    (here / "parts/other.py").write_text("GAIN = 200\n")
    os.utime(here / "parts/other.py", (1, 1))  # the compiled file has another time
    assert value(made()) == 201
    with pytest.warns(QnasWarning, match=rf"^parts/other.py in the current folder is not what {home} was made with: "):
        network = made(home)
    assert value(network) == 3


def test_code_that_is_imported_already_is_not_run_again(write, tmp_path):
    write(
        "here", {**FILES, "late.py": "import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\nOFFSET = 1\n"}
    )
    import builtins

    network = made()
    assert value(network) == 3
    home = kept(tmp_path / "run")
    assert isinstance(code_of("nets:Net", {}, home), LiveCode)
    assert value(made(home)) == 3
    assert builtins.runs == 1
    del builtins.runs


def test_what_code_reads_beside_itself_is_there_where_it_was(write, tmp_path):
    reading = "OFFSET = int(open(__file__.replace('late.py', 'offset.txt')).read())\n"
    here = write("here", {**FILES, "late.py": reading, "offset.txt": "7"})
    home = kept(tmp_path / "run")
    assert value(made(home)) == 9
    write("elsewhere", {})
    sys.modules.pop("nets")
    network = made(home)
    sys.modules.pop("late")
    with pytest.raises(FileNotFoundError, match=r"run/code/offset\.txt"):
        value(network)
    assert (here / "offset.txt").exists()


def test_what_a_run_does_not_keep_of_its_packages_is_not_taken_from_elsewhere(write, tmp_path):
    home = kept_from(write, tmp_path)
    (home / "code/parts/evil.py").write_text("raise SystemExit('it ran')\n")
    write("elsewhere", {"parts/more.py": ""})
    code = code_of("nets:Net", {}, home)
    assert isinstance(code, KeptCode)
    with code.in_place():
        for name in ("parts.more", "parts.evil"):
            with pytest.raises(ModuleNotFoundError, match="among those that the run keeps"):
                __import__(name)


def test_compiled_files_are_neither_read_nor_written(write, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    home = kept_from(write, tmp_path)
    write("elsewhere", {})
    made(home)
    assert not list(home.rglob("*.pyc"))


def test_a_file_that_was_changed_in_the_run_is_refused(write, tmp_path):
    home = kept_from(write, tmp_path)
    write("elsewhere", {})
    file = home / "code/parts/gain.py"
    file.write_text(file.read_text() + "#")
    with pytest.raises(InputError, match=rf"^{file}: was changed since the run was made: {INDEX} has another checksum"):
        made(home)
    file.unlink()
    with pytest.raises(InputError, match=rf"^{file}: can't be read: No such file or directory$"):
        made(home)


def test_a_link_out_of_the_run_is_refused(write, tmp_path):
    home = kept_from(write, tmp_path)
    here = write("elsewhere", {"gain.py": "GAIN = 2\n"})
    (home / "code/parts/gain.py").unlink()
    (home / "code/parts/gain.py").symlink_to(here / "gain.py")
    with pytest.raises(InputError, match=r"gain.py: is a link that leads out of the folder"):
        made(home)


@pytest.mark.parametrize(
    "index",
    ['{"modules": {"../evil": {}}}', '{"modules": {"a/b": {}}}', '{"modules": []}', "{}", '{"modules": {"a.": 1}}'],
)
def test_an_index_that_names_no_modules_is_refused(index, write, tmp_path):
    home = kept_from(write, tmp_path)
    (home / INDEX).write_text(index)
    with pytest.raises(InputError, match=r"index.json: is damaged: it lists no modules"):
        read_sources(home)


def test_the_packages_that_a_network_is_made_with_are_noted_with_their_versions(write):
    write("here", {**FILES, "nets.py": NET.replace("import late", "import yaml, json")})
    space = Space.of({"name": "module", "target": "nets:Net", "arguments": {"x": {"target": "numpy:array"}}})
    assert space.packages() == ["json", "numpy", "torch", "yaml"]
    packages = environment(0, torch.device("cpu"), [], space)["packages"]
    assert packages["PyYAML"] == importlib.metadata.version("PyYAML")
    assert packages.keys() - environment(0, torch.device("cpu"), [])["packages"].keys() == {"PyYAML"}
