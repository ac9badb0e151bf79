"""What is written for ONNX Runtime to be faster gives the same values; ONNX's own reference implementation judges."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, strategies as st
from onnx.numpy_helper import from_array
from onnx.reference import ReferenceEvaluator
from onnxscript import ir

from qnas.core.components import Quantizer, Space, Target
from qnas.core.deploy.lowering import lower
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.plugins.targets.qdq import write_qdq
from qnas.plugins.targets.quicker import fill_groups, filled, rearrange_integers, spell_out_prelu

CHANNELS, SIDE = 4, 3
pytestmark = pytest.mark.slow

SHAPE = f"float[1,{CHANNELS},{SIDE},{SIDE}]"
IMAGE = np.random.default_rng(0).normal(size=(1, CHANNELS, SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize(("name", "slow"), [("fsrcnn", "PRelu"), ("xlsr", "group")])
def test_files_for_onnx_runtime_are_written_so(name: str, slow: str, tmp_path: Path) -> None:
    space = Space.of({"name": name, "channels": 8, "operations": ["native"], "bits": [8]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    network = build_found(space, 2, chosen, Quantizer.of("lsq"), 8)
    calibrate(network.eval(), lambda: network(torch.rand(1, 3, 16, 16)))
    program = lower(network, (16, 16)).program
    write_qdq(program, plain := tmp_path / "plain.onnx")
    Target.of("onnxruntime").write(program, written := tmp_path / "written.onnx")
    assert slow in slow_parts(onnx.load(plain))
    assert not slow_parts(onnx.load(written))
    image = np.random.default_rng(0).random((1, 3, 16, 16), dtype=np.float32)
    before, after = (Target.of("onnxruntime").load(path)(image) for path in (plain, written))
    np.testing.assert_array_equal(after, before)


def slow_parts(model: onnx.ModelProto) -> set[str]:
    """What of a network ONNX Runtime is slow at."""
    prelus = {node.op_type for node in model.graph.node if node.op_type == "PRelu"}
    groups = {a.name for node in model.graph.node for a in node.attribute if a.name == "group" and a.i > 1}
    return prelus | groups


def model_of(body: str, output: str = SHAPE, **constants: np.ndarray) -> onnx.ModelProto:
    """A model of x, with constants by name."""
    head = f'<ir_version: 10, opset_import: ["" : 21]> graph ({SHAPE} x) => ({output} y)'
    model = onnx.parser.parse_model(f"{head} {{ {body} }}")
    model.graph.initializer.extend(from_array(np.asarray(value), name) for name, value in constants.items())
    return model


def rewritten(model: onnx.ModelProto, rewrite) -> onnx.ModelProto:
    changed = ir.from_proto(model)
    rewrite(changed.graph)
    after = ir.to_proto(changed)
    onnx.checker.check_model(after, full_check=True)
    return after


def values(model: onnx.ModelProto, image: np.ndarray = IMAGE) -> np.ndarray:
    return ReferenceEvaluator(model).run(None, {"x": image})[0]


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


slopes_of_each = st.lists(st.floats(-2, 2, width=32), min_size=CHANNELS, max_size=CHANNELS)


@given(slopes_of_each)
def test_prelu_has_the_same_values_in_other_operators(slopes: list[float]) -> None:
    model = model_of("y = PRelu (x, slopes)", slopes=np.array(slopes, np.float32).reshape(-1, 1, 1))
    after = rewritten(model, spell_out_prelu)
    assert "PRelu" not in operators(after)
    np.testing.assert_array_equal(values(after), values(model))


@pytest.mark.parametrize(
    ("slopes", "written"),
    [
        ([0.25] * 4, {"LeakyRelu"}),
        ([0, 0.5, 1, 0.2], {"Mul", "Max"}),
        ([-0.1, 0.2, 0.3, 0.4], {"Relu", "Neg", "Mul", "Sub"}),
    ],
)
def test_prelu_takes_no_more_operators_than_its_slopes_need(slopes: list[float], written: set[str]) -> None:
    model = model_of("y = PRelu (x, slopes)", slopes=np.array(slopes, np.float32).reshape(-1, 1, 1))
    assert set(operators(rewritten(model, spell_out_prelu))) == written


def test_a_prelu_whose_slopes_are_computed_stays() -> None:
    model = model_of("slopes = Abs (x) y = PRelu (x, slopes)")
    assert operators(rewritten(model, spell_out_prelu)) == operators(model)


SHUFFLED = f"float[1,1,{2 * SIDE},{2 * SIDE}]"
INTEGERS = "q = QuantizeLinear (x, step, zero) v = DequantizeLinear (q, step, zero) "
SHUFFLE = "w = DepthToSpace <blocksize = 2> (v) "
STEPS = {"step": np.float32(0.05), "other": np.float32(0.4), "zero": np.uint8(128)}


@pytest.mark.parametrize(
    "behind",
    [
        SHUFFLE + "p = QuantizeLinear (w, other, zero) y = DequantizeLinear (p, other, zero)",
        "y = DepthToSpace <blocksize = 2> (v)",
    ],
)
def test_integers_are_rearranged(behind: str) -> None:
    model = model_of(INTEGERS + behind, SHUFFLED, **STEPS)
    after = rewritten(model, rearrange_integers)
    added = operators(after) - operators(model)
    assert added == {"QuantizeLinear": 1, "DequantizeLinear": 1}
    shuffle = next(node for node in after.graph.node if node.op_type == "DepthToSpace")
    (behind_it,) = [node for node in after.graph.node if shuffle.output[0] in node.input]
    assert (behind_it.op_type, behind_it.input[1]) == ("QuantizeLinear", "step")
    np.testing.assert_array_equal(values(after), values(model))


@pytest.mark.parametrize(
    "body",
    [
        "y = DepthToSpace <blocksize = 2> (x)",
        INTEGERS + SHUFFLE + "p = QuantizeLinear (w, step, zero) y = DequantizeLinear (p, step, zero)",
    ],
)
def test_what_has_no_integers_or_the_same_behind_is_left_as_it_is(body: str) -> None:
    model = model_of(body, SHUFFLED, **STEPS)
    assert operators(rewritten(model, rearrange_integers)) == operators(model)


def grouped(kernel: np.ndarray, groups: int) -> onnx.ModelProto:
    convolution = f"y = Conv <group = {groups}, pads = [1, 1, 1, 1]> (x, w)"
    body = f"w = DequantizeLinear <axis = 0> (kernel, steps, zeros) {convolution}"
    outs = kernel.shape[0]
    steps, zeros = np.linspace(0.1, 0.2, outs, dtype=np.float32), np.zeros(outs, np.int8)
    return model_of(body, f"float[1,{outs},{SIDE},{SIDE}]", kernel=kernel, steps=steps, zeros=zeros)


@pytest.mark.parametrize(("groups", "outs"), [(2, 4), (2, 6), (4, 8)])
def test_a_convolution_in_groups_is_filled_with_zeros(groups: int, outs: int) -> None:
    kernel = np.random.default_rng(1).integers(-127, 128, (outs, CHANNELS // groups, 3, 3), dtype=np.int8)
    model = grouped(kernel, groups)
    after = rewritten(model, fill_groups)
    (conv,) = [node for node in after.graph.node if node.op_type == "Conv"]
    assert {a.name: a.i for a in conv.attribute if a.name == "group"} == {"group": 1}
    np.testing.assert_allclose(values(after), values(model), rtol=0, atol=1e-5 * np.abs(values(model)).max())
    assert np.count_nonzero(filled(kernel, groups)) == np.count_nonzero(kernel)


def test_a_depthwise_convolution_stays() -> None:
    model = grouped(np.ones((CHANNELS, 1, 3, 3), np.int8), CHANNELS)
    assert rewritten(model, fill_groups) == rewritten(model, lambda graph: None)
