"""The stage of a run that writes files for targets."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from qnas.core.cli.main import invoke
from qnas.core.components import Target
from qnas.core.files.folder import RunFolder
from qnas.core.run.record import RunRecord
from qnas.core.run.run import run_spec
from qnas.core.run.stages.planned import stages_of
from qnas.core.spec import Spec, read_spec
from qnas.plugins.targets.onnxruntime import OnnxRuntime

pytestmark = pytest.mark.slow


@pytest.fixture
def exporting(tiny: Path) -> Path:
    """The tiny spec, for a target."""
    tiny.write_text(tiny.read_text() + "target: onnxruntime\n")
    return tiny


def test_a_run_for_a_target_ends_with_its_file(exporting: Path, tmp_path: Path) -> None:
    spec, folder = read_spec(exporting).spec, RunFolder(tmp_path / "run")
    with pytest.warns(UserWarning, match=r"'onnxruntime' computes on 8 bits: at 4 bits it is exact, but no faster"):
        run_spec(spec, folder)
    known = json.loads((folder.path / "export" / "onnxruntime.json").read_text())
    assert RunRecord(folder).stages["export"]["targets"] == {"onnxruntime": known}
    assert (folder.path / "export" / "onnxruntime.onnx").stat().st_size == known["bytes"]
    assert RunRecord(folder).ended == ["search", "derive", "train", "evaluate", "export", "report"]


def test_without_a_target_there_is_no_such_stage(tiny: Path) -> None:
    spec = read_spec(tiny).spec
    assert "export" not in stages_of(spec)
    assert spec.exported_to == ()


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"target": "openvino"}, ["openvino"]),
        ({"target": "openvino", "export": []}, []),
        ({"export": ["onnxruntime", {"name": "openvino", "precision": "bf16"}]}, ["onnxruntime", "openvino"]),
    ],
)
def test_the_target_is_exported_to_unless_others_are_named(
    fields: dict[str, object], names: list[str], tiny: Path
) -> None:
    spec = Spec.model_validate({**yaml.safe_load(tiny.read_text()), **fields})
    assert [target.name for target in spec.exported_to] == names


@pytest.mark.slow
def test_a_stage_that_failed_is_done_again(
    exporting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(exporting), "--out", str(tmp_path / "run")]
    with monkeypatch.context() as broken:
        broken.setattr(OnnxRuntime, "load", lambda *_: lambda lr: lr.repeat(2, 2).repeat(2, 3) * 0)
        assert invoke(command) == 1
    assert "the file for 'onnxruntime' gives different images" in capsys.readouterr().err
    assert (tmp_path / "run" / "evaluate" / "result.json").exists()
    assert invoke([*command, "--resume"]) == 0
    assert [path.name for path in sorted((tmp_path / "run" / "export").iterdir())] == [
        "onnxruntime.json",
        "onnxruntime.onnx",
        "result.json",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("quantizer.train=none", "spec.yaml:15:9: target: the quantizer 'none' leaves everything in float"),
        ("quantizer.train=lsq+", "no level of its grid is zero: its offset is not a whole number of steps"),
        ("quantizer.train=noise", "'noise' can't train: it has no integer grid"),
        ("target=npu", "no target is named 'npu'"),
    ],
)
def test_what_the_target_cannot_do_is_refused_before_the_search(
    override: str, message: str, exporting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["check", str(exporting), "--set", override]) == 2
    assert message in capsys.readouterr().err
    assert invoke(["run", str(exporting), "--set", override, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_target_that_is_not_installed_is_refused_before_the_search(
    exporting: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(OnnxRuntime, "requires", ("not-there-at-all",))
    assert invoke(["check", str(exporting)]) == 2
    assert "pip install 'qnas[onnx]'" in capsys.readouterr().err


def test_check_says_which_widths_are_no_faster(exporting: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", str(exporting)]) == 0
    assert "'onnxruntime' computes on 8 bits: at 4 bits it is exact, but no faster" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("export", "size"),
    [
        ({"name": "litert", "size": "24x28"}, [24, 28]),
        pytest.param({"name": "onnxruntime", "size": "20x22"}, [20, 22], marks=pytest.mark.slow),
    ],
)
def test_a_target_with_a_size_gets_a_file_of_that_size(
    export: dict[str, str], size: list[int], tiny: Path, tmp_path: Path
) -> None:
    tiny.write_text(tiny.read_text() + f"target: {json.dumps(export)}\n")
    folder = RunFolder(tmp_path / "run")
    with pytest.warns(UserWarning, match="at 4 bits it is exact, but no faster"):
        run_spec(read_spec(tiny).spec, folder)
    known = RunRecord(folder).stages["export"]["targets"][export["name"]]
    assert (known["size"], known["target"]) == (size, export["name"])
    lr = np.zeros((1, 3, *size), np.float32)
    sr = Target.of(export["name"]).load(folder.path / "export" / known["file"])(lr)
    assert sr.shape == (1, 3, *(known["scale"] * side for side in size))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "target: litert",
            "15:9: target: a file for 'litert' takes images of one size: name it (--size 256x256, or {name: litert,"
            " size: 256x256} in a spec)",
        ),
        ("target: {name: litert, size: 64}", "15:30: target.size: must be a size: write height x width in LR pixels"),
        (
            "export: [openvino, {name: qonnx, size: 64X64}]",
            "15:40: export.1.size: '64X64' is not a size: write height x width in LR pixels, like 256x256",
        ),
        (
            "export: [{name: qonnx, size: 64x64}, {name: onnxruntime, size: 1x9}]",
            "15:64: export.1.size: the network can't take it: 9 x 1 (width x height) is too small for this network,"
            " which needs at least ",
        ),
    ],
)
def test_a_size_that_is_lacking_or_wrong_is_one_line(
    line: str, message: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write_text(f"{tiny.read_text()}{line}\n")
    space = "space={name: skeleton, channels: 6, body: [rlfb], bits: [4]}"
    assert invoke(["check", str(tiny), "--set", space]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{tiny}:{message}")
