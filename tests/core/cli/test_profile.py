"""``qnas profile`` from the outside, with a runtime of the tests' own."""

import json
import re
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from qnas.core.cli.main import invoke
from qnas.core.components import Target
from qnas.core.spec import load_spec

SPEC = """\
scale: 2
space: {name: skeleton, channels: 4, body: [residual], bits: [8], operations: [conv1x1, conv3x3]}
costs: {latency: {table: table.json}}
limits: {latency: 12 ms}
"""


class Saved(Target):
    """PyTorch itself, from a file in its own form."""

    suffix: ClassVar = ".pt2"

    def write(self, program, path):
        torch.export.save(program, path)

    def load(self, path, threads=0):
        network = torch.export.load(path).module()
        return lambda lr: network(torch.from_numpy(lr)).detach().numpy()


class Gone(Saved):
    requires: ClassVar = ("qnas-runtime-that-nobody-wrote",)
    extra: ClassVar = "gone"


@pytest.fixture(autouse=True)
def spec(tmp_path: Path, registered, monkeypatch: pytest.MonkeyPatch) -> Path:
    registered(Saved)
    monkeypatch.setattr("qnas.core.deploy.timing.SETTLE", 0)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def profile(*arguments: str) -> int:
    return invoke(["profile", "spec.yaml", "-o", "table.json", "--rounds", "2", "--size", "16x12", *arguments])


@pytest.mark.slow
def test_a_spec_that_names_the_table_can_be_profiled_and_then_checked(tmp_path: Path, capsys) -> None:
    assert profile("--target", "saved", "--threads", "2") == 0
    printed = capsys.readouterr()
    line = r"^table\.json: saved, 2 threads, 16 x 12 LR: \d+ candidates in \d+ networks; held-out networks are"
    assert re.match(line, printed.out), printed.out
    table = json.loads(Path("table.json").read_text())
    assert (table["setting"]["size"], table["setting"]["scale"], table["setting"]["between"]) == ([16, 12], 2, None)
    assert len(table["networks"]) == table["planned"]
    spec = load_spec(Path("spec.yaml"), ["target=saved", "limits.latency=100 s"])
    assert spec.allowed_networks().tables["latency"].lowest >= table["constant_ns"]
    assert profile("--target", "saved", "--threads", "2") == 0  # nothing is left to do
    assert profile("--target", "saved") == 2
    assert "table.json: has measurements with threads 2, not 1: name another file with -o" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"^spec\.yaml: names no target to measure in: add --target NAME$"),
        (("--target", "savd"), r"^--target: target: no target is named 'savd'; did you mean 'saved'\?"),
        (("--target", "litert", "--set", "quantizer.between=null"), r"'litert' needs 8 bits between the slots"),
        (("--target", "saved", "--size", "16"), r"'16' is not a size: write height x width"),
        (("--target", "saved", "--set", "space.chanels=3"), r"space\.chanels: unknown field; did you mean 'channels'"),
        (("--target", "tensorrt"), r"'tensorrt' can't be timed: ONNX Runtime runs its files here"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: tuple[str, ...], message: str, capsys) -> None:
    assert profile(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line), line
    assert not Path("table.json").exists()


def test_a_runtime_that_is_gone_is_refused_in_one_line(registered, capsys) -> None:
    assert profile("--target", registered(Gone)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the target 'gone' needs qnas-runtime-that-nobody-wrote, which is not installed: " in line
    assert line.endswith("-m pip install 'qnas[gone]'")
