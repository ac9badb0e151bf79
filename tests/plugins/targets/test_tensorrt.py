"""Files for TensorRT: the symmetric integers that it knows, and nothing else."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

from qnas.core.cli.main import invoke
from qnas.core.components import Target
from qnas.core.errors import InputError
from qnas.core.spec import Spec
from qnas.testing.small_network import SmallNetwork

from ...found_run import PLAIN, edit_spec, write_run
from .conftest import SIZE

pytestmark = pytest.mark.slow

LSQ = {"name": "lsq", "signed": True}


@pytest.mark.slow
def test_integers_are_signed_with_zero_at_zero_and_only_values_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    Target.of("tensorrt").write(SmallNetwork.MIXED.lowered(None, 8, signed=True).program, path)
    graph = onnx.load(path).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored |= {n.output[0]: onnx.numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zeros = [stored[node.input[2]] for node in pairs if node.input[2] in stored]
    assert len(zeros) > 10
    assert {zero.dtype for zero in zeros} == {np.dtype(np.int8)}
    assert not any(zero.any() for zero in zeros)
    makers = {output: node.op_type for node in graph.node for output in node.output}
    quantized = [makers[node.input[0]] for node in pairs if node.op_type == "QuantizeLinear"]
    assert set(quantized) == {"Clip"}
    of_integers = {makers.get(node.input[0], "stored") for node in pairs if node.op_type == "DequantizeLinear"}
    assert of_integers == {"QuantizeLinear", "stored"}


def test_unsigned_activations_are_refused_unless_they_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 0 to 255 with zero at 0: train the network with signed activations"):
        Target.of("tensorrt").write(SmallNetwork.MIXED.lowered(SIZE).program, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_spec_of_a_network_for_it_has_signed_integers() -> None:
    spec = Spec.model_validate({"name": "a", "target": "tensorrt"})
    assert spec.quantizer.train.signed and spec.quantizer.search.signed
    chosen = {"train": {"name": "lsq", "signed": False}}
    assert not Spec.model_validate({"name": "a", "target": "tensorrt", "quantizer": chosen}).quantizer.train.signed
    assert not Spec.model_validate({"name": "a", "export": ["tensorrt"]}).quantizer.train.signed


def test_its_file_is_marked_as_checked_in_another_runtime(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, {**PLAIN, "bits": [8]}, train=LSQ)
    leaves = {"name": "dead-leaves", "amount": 1, "size": 48}
    edit_spec(tmp_path, "data", "test", value={"leaves": leaves})
    assert invoke(["export", str(tmp_path), "--target", "tensorrt"]) == 0
    assert "tensorrt.onnx (graph-checked: run by ONNX Runtime, not by what it is for)" in capsys.readouterr().out
    assert json.loads((tmp_path / "export" / "tensorrt.json").read_text())["proof"] == "graph-checked"
    assert invoke(["bench", str(tmp_path), "--target", "tensorrt"]) == 2
    assert "'tensorrt' can't be timed: ONNX Runtime runs its files here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"export": ["openvino", {"name": "openvino", "precision": "bf16"}]}, "names 'openvino' twice"),
        ({"target": "onnxruntime", "export": ["openvino"]}, "has 8 bits there, as the target 'onnxruntime' has it"),
        ({"export": ["litert"]}, "needs 8 bits between the slots, but the network has floats there .qnas derive"),
    ],
)
def test_targets_that_do_not_go_together_are_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Spec.model_validate({"name": "a", **fields})
