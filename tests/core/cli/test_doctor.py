"""``qnas doctor``: what it finds wrong with plugins installed as by pip, and what it advises."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qnas.core.cli.main import invoke

HOOKS = """
from qnas.core.registry import hookimpl

@hookimpl
def qnas_register_costs(register):
    register("doubled", "{package}.cost:Doubled", "Twice the MACs")
"""
COST = """
from qnas.core.components import Cost

class Doubled(Cost):
    def of_convolution(self, convolution):
        return 2 * convolution.macs
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a distribution ``qnas-mine`` with some files on the path, as pip would."""
    monkeypatch.delenv("QNAS_PLUGINS", raising=False)
    modules = set(sys.modules)

    def write(version: str = "1.0", site: str = "site", **files: str) -> Path:
        package = tmp_path / site / "qnas_mine"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        for name, text in files.items():
            (package / f"{name}.py").write_text(text.replace("{package}", "qnas_mine"))
        information = package.parent / f"qnas_mine-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qnas-mine\nVersion: {version}\n")
        (information / "entry_points.txt").write_text("[qnas]\nmine = qnas_mine.plugin\n")
        record = [f"qnas_mine/{file.name},," for file in package.iterdir()]
        (information / "RECORD").write_text("\n".join([*record, f"{information.name}/METADATA,,"]))
        monkeypatch.syspath_prepend(package.parent)
        return package

    yield write
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] == "qnas_mine":
            del sys.modules[name]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs it; returns its output and its exit code. Only lists are broken into lines."""
    monkeypatch.setenv("COLUMNS", "80")

    def run() -> tuple[str, int]:
        try:
            code = invoke(["doctor"])
        except SystemExit as error:
            code = int(str(error.code))
        said = capsys.readouterr()
        return (said.out + said.err).rstrip("\n"), code

    return run


def test_ours_are_well(doctor) -> None:
    said, code = doctor()
    assert code == 0
    assert said.endswith("3 plugins, none with a fault")
    assert "  quantizer    lsq, noise" in said


def test_a_sound_plugin_is_shown_with_its_distribution_version_entry_point_and_what_it_registered(
    install: Install, doctor
) -> None:
    install(plugin=HOOKS + "\n@hookimpl\ndef qnas_step(step): pass\n", cost=COST)
    said, code = doctor()
    assert code == 0
    shown = said[said.index("mine:") :].splitlines()[:3]
    assert shown[0] == "mine: qnas-mine 1.0, qnas_mine.plugin"
    assert [line.split() for line in shown[1:]] == [["cost", "doubled"], ["hooks", "qnas_step"]]
    assert said.endswith("4 plugins, none with a fault")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"plugin": "import torchx"},
            ["not loaded: ModuleNotFoundError: No module named 'torchx'", "qnas_mine/plugin.py:1)", "install torchx"],
        ),
        (
            {"other": ""},
            [
                "not loaded: ModuleNotFoundError: No module named 'qnas_mine.plugin'",
                "correct its entry point, qnas_mine.plugin, then",
            ],
        ),
        (
            {"plugin": "from json import wavelets"},
            ["ImportError: cannot import name 'wavelets'", "another version of json may be needed"],
        ),
        ({"plugin": "def :"}, ["SyntaxError", "plugin.py:1)", "fix it, or report it to the authors of qnas-mine"]),
        ({"plugin": "x = 1 / 0"}, ["ZeroDivisionError", "plugin.py:1)", "report it to the authors of qnas-mine"]),
        (
            {"plugin": HOOKS.replace("costs", "kosts")},
            ["no hook is named 'qnas_register_kosts'; did you mean 'qnas_register_costs'?"],
        ),
        (
            {"plugin": HOOKS.replace("@hookimpl", "")},
            ["qnas_register_costs is no hook without @qnas.hookimpl above it"],
        ),
        (
            {"plugin": HOOKS.replace("doubled", "macs")},
            ["two costs are named 'macs': one of qnas (", "and one of qnas-mine (qnas_mine.cost:Doubled)"],
        ),
        (
            {"plugin": HOOKS, "cost": "import torchx"},
            ["the cost 'doubled' of qnas-mine can't be loaded", "qnas_mine/cost.py:1)", "install torchx"],
        ),
        ({"plugin": HOOKS, "cost": ""}, ["the cost 'doubled' of qnas-mine can't be loaded", "Doubled"]),
        (
            {"plugin": "from qnas.core import gone"},
            ["cannot import name 'gone' from 'qnas.core'", "another version of qnas may be needed: pip check"],
        ),
        (
            {"plugin": "import numpy.gone"},
            ["No module named 'numpy.gone'", "another version of numpy may be needed: pip check"],
        ),
        (
            {"plugin": HOOKS.replace('the MACs"', 'the MACs", factor=3'), "cost": COST},
            ["the cost 'doubled': factor: unknown field", "correct where it is registered"],
        ),
        (
            {"plugin": HOOKS, "cost": "raise SystemExit(3)"},
            ["cost 'doubled' of qnas-mine can't be loaded", "SystemExit"],
        ),
        ({"plugin": HOOKS, "cost": COST.replace("of_c", "c")}, ["lacks what it must define, of_convolution"]),
        (
            {"plugin": HOOKS.replace('"{package}.cost:Doubled"', "object")},
            ["it registers the cost 'doubled' with object, which is no class of that kind"],
        ),
        ({"plugin": ""}, ["has no hooks: it does nothing", "check that qnas_mine.plugin is where its hooks are"]),
    ],
)
def test_what_is_wrong_is_told_with_its_cause_its_place_and_advice(
    files: dict[str, str], told: list[str], install: Install, doctor
) -> None:
    install(**files)
    said, code = doctor()
    assert code == 1
    for part in told:
        assert part in said
    assert said.endswith("4 plugins, 1 with a fault")


def test_a_second_version_behind_the_first_is_told(install: Install, doctor) -> None:
    install("2.0", "behind", plugin=HOOKS, cost=COST)
    install("1.0", "before", plugin=HOOKS, cost=COST)
    said, code = doctor()
    assert code == 0
    assert "mine: qnas-mine 1.0" in said
    assert "note: installed twice: 2.0 in " in said
    assert "pip uninstall qnas-mine" in said


def test_a_folder_in_front_of_what_is_installed_is_told(
    install: Install, doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(plugin=HOOKS, cost=COST)
    copy = tmp_path / "checkout"
    copy.mkdir()
    for file in package.iterdir():
        (copy / "qnas_mine").mkdir(exist_ok=True)
        (copy / "qnas_mine" / file.name).write_text(file.read_text())
    monkeypatch.syspath_prepend(copy)
    said, code = doctor()
    assert code == 0
    assert f"qnas_mine is imported from {copy}/qnas_mine/__init__.py, not from what is installed in" in said


def test_what_is_left_out_is_told_and_not_imported(install: Install, doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    install(plugin="raise SystemExit")
    monkeypatch.setenv("QNAS_PLUGINS", "")
    said, code = doctor()
    assert code == 0
    assert "note: left out by QNAS_PLUGINS" in said
    assert "qnas_mine.plugin" not in sys.modules


def test_a_selection_of_what_is_not_there_is_told(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNAS_PLUGINS", "goast")
    assert doctor() == ("QNAS_PLUGINS: no installed plugin is called 'goast' (installed: none)", 2)
