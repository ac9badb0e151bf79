"""With ``--no-code``, no command imports the code that a stranger's file names."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.components import Report
from qnas.core.registry import plugins
from qnas.core.registry.trust import is_foreign_code_refused, no_foreign_code
from qnas.core.view.pages import Pages
from qnas.core.view.runs import Runs

from ..found_run import write_run

SIGN = "imported.txt"
MODULE = f"""
import pathlib
pathlib.Path({SIGN!r}).write_text("it ran")
import torch
class Net(torch.nn.Module):
    def __init__(self, inner=None):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)
    def forward(self, image):
        return torch.nn.functional.pixel_shuffle(self.conv(image), 2)
"""
SPACE = {"name": "module", "target": "strangers_module:Net"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with a module that leaves a mark when it is imported, and a spec that names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "strangers_module.py").write_text(MODULE)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump({"scale": 2, "space": SPACE}))
    yield tmp_path
    sys.modules.pop("strangers_module", None)


def of_module(run: Path) -> None:
    """Make the space of a finished run one that names code."""
    write_run(run)
    architecture = json.loads((run / "architecture.json").read_text())
    architecture["space"] = SPACE
    (run / "architecture.json").write_text(json.dumps(architecture))


COMMANDS = {
    "check": ["check", "spec.yaml"],
    "run": ["run", "spec.yaml"],
    "sweep": ["sweep", "spec.yaml", "--vary", "seed=0,1"],
    "resume": ["run", "spec.yaml", "--out", "run", "--resume"],
    "upscale": ["upscale", "run", "image.png"],
    "evaluate": ["evaluate", "run", "--data", "images"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_imports_what_a_file_names(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_module(folder / "run")
    from PIL import Image

    (folder / "images").mkdir()
    for place in ("image.png", "images/a.png"):
        Image.new("RGB", (16, 16)).save(place)
    assert invoke([*COMMANDS[command], "--no-code"]) == 2
    (told,) = [line for line in capsys.readouterr().err.splitlines() if "--no-code" in line]
    assert "names code to run, strangers_module:Net, which --no-code refuses" in told
    assert not (folder / SIGN).exists()
    assert not is_foreign_code_refused()  # the next command of the process may


def test_the_sign_would_be_there(folder: Path) -> None:
    assert invoke(["check", "spec.yaml"]) == 0
    assert (folder / SIGN).exists()


def test_a_target_in_an_argument_is_refused_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {"name": "module", "target": "torch.nn:Sequential", "arguments": {"a": {"target": "strangers_module:Net"}}}
    (folder / "spec.yaml").write_text(yaml.safe_dump({"scale": 2, "space": space}))
    assert invoke(["check", "spec.yaml", "--no-code"]) == 2
    assert "--no-code refuses" in capsys.readouterr().err
    assert not (folder / SIGN).exists()


def test_looking_at_runs_loads_no_plugin_file_even_without_the_option(folder: Path) -> None:
    """The runs differ in what their specs state, so what one lacks is filled in."""
    from ..synthetic_runs import write_run as write_finished

    marking = f"import pathlib\npathlib.Path({SIGN!r}).write_text('it ran')\n"
    (folder / "evil.py").write_text(marking)
    for name, more in (("one", {"version": 3}), ("two", {})):
        files = {"plugins/evil.py": marking}
        write_finished(folder / "runs" / name, fields={"plugins": [str(folder / "evil.py")], **more}, files=files)
    assert invoke(["compare", "runs"]) == 0
    pages = Pages(Runs(folder / "runs"), Report.of("html"))
    for path in ("", "one/", "two/", "compare.html"):
        assert pages.at(path) is not None
    assert not (folder / SIGN).exists()


def test_a_comparison_over_a_cost_builds_nothing_that_is_foreign(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ..synthetic_runs import write_run as write_finished

    write_finished(folder / "finished")
    of_module(folder / "other")
    shutil.copy(folder / "other/architecture.json", folder / "finished/architecture.json")
    assert invoke(["compare", "finished", "--cost", "odd", "--no-code"]) == 2
    assert invoke(["compare", "finished", "--no-code"]) == 0
    assert not (folder / SIGN).exists()


@pytest.mark.slow
def test_third_parties_plugins_are_left_out_whatever_qnas_plugins_says(folder: Path) -> None:
    information = folder / "strange-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[qnas]\nstrange = strangers_module\n")
    (folder / "spec.yaml").write_text("search: from-strange\n")
    command = [sys.executable, "-m", "qnas", "check", "spec.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "QNAS_PLUGINS": "strange"}
    subprocess.run(command, check=False, env=environment, capture_output=True)
    assert (folder / SIGN).exists()  # without the option it is loaded
    (folder / SIGN).unlink()
    ended = subprocess.run([*command, "--no-code"], check=False, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "no searcher is named 'from-strange'" in ended.stderr
    assert "plugin 'strange' of strange is left out by --no-code" in ended.stderr
    assert not (folder / SIGN).exists()


def test_the_points_of_a_sweep_are_run_without_code_too() -> None:
    from qnas.core.sweep.runner import qnas_run

    place = Path("x")
    assert "--no-code" not in qnas_run(place, place, place, False)
    with no_foreign_code():
        assert "--no-code" in qnas_run(place, place, place, False)


def test_what_we_ship_is_all_that_is_left() -> None:
    with no_foreign_code():
        assert {info.distribution for info in plugins().found if not info.left_out_by} == {"qnas"}
