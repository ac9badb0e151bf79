"""Our targets: what is in their files, who can run them, and what is said where they can't be used.

``qnas.testing`` checks the images that they make.
"""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from qnas.core.cli.main import invoke
from qnas.core.components import Target
from qnas.core.components.requirements import installation
from qnas.core.deploy.exporting import export
from qnas.core.errors import InputError
from qnas.testing.small_network import SmallNetwork

from ...found_run import write_run
from .conftest import Exported

RUN_ALONE = """\
import sys
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
numpy.save(sys.argv[3], session.run(["sr"], {"lr": numpy.load(sys.argv[2])})[0])
assert not {"torch", "qnas", "onnx"} & set(sys.modules)
"""
ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("ai_edge_litert", "flatbuffers", "onnx", "onnxscript", "onnxruntime", "openvino", "qonnx")


def sides(value: onnx.ValueInfoProto) -> list[int | str]:
    """Its shape; a side of any length by its name."""
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("target", ["onnxruntime", "openvino"])
def test_a_file_takes_lr_and_returns_sr_of_any_size(target: str, exported: Exported) -> None:
    model = onnx.load(exported(target, SmallNetwork.MIXED))
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 21)]
    (lr,), (sr,) = model.graph.input, model.graph.output
    assert (lr.name, sr.name) == ("lr", "sr")
    assert sides(lr)[:2] == sides(sr)[:2] == [1, 3]
    assert all(isinstance(side, str) for side in sides(lr)[2:])


def test_narrow_activations_are_clipped_as_unsigned_integers(exported: Exported) -> None:
    model = onnx.load(exported("onnxruntime", SmallNetwork.MIXED))
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    stored |= {n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t) for n in model.graph.node if not n.input}
    clips = [tuple(stored[name] for name in node.input[1:]) for node in model.graph.node if node.op_type == "Clip"]
    assert {smallest.dtype for smallest, _ in clips} == {np.dtype(np.uint8)}
    activations = {candidate.widths.activation for candidate in SmallNetwork.MIXED.chosen().values()}
    assert {int(largest) + 1 for _, largest in clips} == {2**bits for bits in activations - {8}}


def test_a_file_is_run_by_a_program_without_qnas_and_torch(exported: Exported, tmp_path: Path) -> None:
    lr = np.random.default_rng(0).random((1, 3, 21, 33), dtype=np.float32)
    np.save(tmp_path / "lr.npy", lr)
    file = exported("onnxruntime", SmallNetwork.MIXED)
    command = [sys.executable, "-c", RUN_ALONE, file, tmp_path / "lr.npy", tmp_path / "sr.npy"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        ours = SmallNetwork.MIXED.network()(torch.from_numpy(lr)).numpy()
    assert np.mean(np.abs(np.load(tmp_path / "sr.npy") - ours) < 0.5 / 255) > 0.999


def installed_by(extra: str) -> set[str]:
    """The distributions that an extra of qnas installs, with those of extras that it names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split("[<>=]", line)[0] for line in project["optional-dependencies"][extra]}
    others = {name for name in names if name.startswith("qnas[")}
    return (names - others).union(*(installed_by(name[5:-1]) for name in others))


@pytest.mark.parametrize("target", ["litert", "onnxruntime", "openvino", "qonnx"])
def test_a_target_that_is_not_installed_says_which_extra_it_needs(
    target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    made = Target.of(target)
    assert installed_by(made.extra) >= set(made.requires)
    write_run(tmp_path, between=made.fills)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    said = (
        f"the target '{target}' needs {made.requires[0]}, which is not installed: {installation(f'qnas[{made.extra}]')}"
    )
    with pytest.raises(InputError) as refusal:
        made.versions()
    assert str(refusal.value) == said
    assert invoke(["export", str(tmp_path), "--target", target]) == 2
    assert capsys.readouterr().err.strip().endswith(said)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["list", "targets"], "OpenVINO on a CPU"),
        (["show", "target", "litert"], "(1, H, W, 3)"),
        (["show", "target", "onnxruntime"], "ONNX Runtime on a CPU"),
        (["show", "target", "openvino"], "precision"),
        (["list", "targets"], "qonnx: It computes on 2 to 16 bits (https://github.com/fastmachinelearning/qonnx/"),
        (["show", "target", "litert"], "It computes on 8 bits (https://ai.google.dev/edge/litert/conversion/"),
        (["show", "target", "qonnx"], "FPGAs"),
    ],
)
def test_targets_are_shown_where_nothing_of_them_is_installed(arguments: list[str], shown: str) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({PACKAGES}));"
        f"from qnas.core.cli.main import invoke; sys.exit(invoke({arguments}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize("target", ["litert", "qonnx"])
def test_a_target_of_one_size_refuses_any_size(target: str, tmp_path: Path) -> None:
    network = SmallNetwork.UNIFORM
    with pytest.raises(InputError, match=rf"^a file for '{target}' takes images of one size: name it \(--size 256x256"):
        export(network.network(), network.lowered(None), Target.of(target), tmp_path / "a.file", {}, network.scale)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_target_of_one_size_is_refused_before_the_search(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", str(tiny), "--set", "target=qonnx"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("--set target: a file for 'qonnx' takes images of one size: name it (--size 256x256, or")
    assert invoke(["check", str(tiny), "--set", "target=qonnx", "--set", "export=[]"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnxruntime", "openvino"])
def test_narrow_weights_can_be_stored_in_half_the_bytes(target: str, exported: Exported, tmp_path: Path) -> None:
    network, image = SmallNetwork.MIXED, np.random.default_rng(0).random((1, 3, 24, 26), dtype=np.float32)
    packed, plain = tmp_path / "packed.onnx", exported(target, network)
    Target.of({"name": target, "int4": True}).write(network.lowered(None).program, packed)
    before, after = ({t.name: t for t in onnx.load(path).graph.initializer} for path in (plain, packed))
    narrow = [name for name in before if f"{name}_int4" in after]
    assert narrow
    for name in narrow:
        assert after[f"{name}_int4"].data_type == onnx.TensorProto.INT4
        assert 2 * len(after[f"{name}_int4"].raw_data) - len(before[name].raw_data) in {0, 1}
    made = [Target.of(target).load(path)(image) for path in (plain, packed)]
    assert np.array_equal(*made)
