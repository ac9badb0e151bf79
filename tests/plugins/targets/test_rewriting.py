"""ONNX Runtime gives the values of a graph that rounds twice; ONNX's own reference implementation judges."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.numpy_helper import from_array
from onnx.reference import ReferenceEvaluator
from onnxscript import ir

from qnas.plugins.targets.rewriting import keep_roundings_apart

LADDER = np.linspace(-0.5, 3.5, 4001, dtype=np.float32)


def twice_rounded(first: float, second: float, between: str = "", behind: str = "") -> onnx.ModelProto:
    """A model that rounds to one grid of 8 bits, then to another; ``behind`` makes y, by default what that gives."""
    shape = f"float[{LADDER.size}]"
    body = f"""<ir_version: 10, opset_import: ["" : 21]> rounding ({shape} x) => ({shape} y) {{
        q1 = QuantizeLinear(x, s1, zero)
        d1 = DequantizeLinear(q1, s1, zero)
        q2 = QuantizeLinear(d1, s2, zero)
        {between}
        {"d2" if behind else "y"} = DequantizeLinear({"q2c" if between else "q2"}, s2, zero)
        {behind}
    }}"""
    model = onnx.parser.parse_model(body)
    constants = {"s1": np.float32(first), "s2": np.float32(second), "zero": np.uint8(0), "end": np.uint8(15)}
    model.graph.initializer.extend(from_array(np.asarray(value), name) for name, value in constants.items())
    return model


def rewritten(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = ir.from_proto(model)
    keep_roundings_apart(changed.graph)
    after = ir.to_proto(changed)
    onnx.checker.check_model(after, full_check=True)
    return after


def by_reference(model: onnx.ModelProto) -> np.ndarray:
    return ReferenceEvaluator(model).run(None, {"x": LADDER})[0]


def by_runtime(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": LADDER})[0]


def clips(model: onnx.ModelProto) -> int:
    return sum(node.op_type == "Clip" for node in model.graph.node)


@pytest.mark.parametrize(("first", "second"), [(0.01, 0.013), (0.013, 0.01), (0.01, 0.0101), (0.02, 0.003)])
def test_values_that_are_rounded_twice_stay_so(first: float, second: float) -> None:
    model = twice_rounded(first, second)
    after = rewritten(model)
    np.testing.assert_array_equal(by_reference(after), by_reference(model))
    np.testing.assert_array_equal(by_runtime(after), by_reference(model))


def test_onnx_runtime_rounds_once_where_nothing_keeps_it() -> None:
    model = twice_rounded(0.01, 0.013)
    assert (by_runtime(model) != by_reference(model)).any(), "ONNX Runtime is mended: take the rewriting out"


def test_one_grid_needs_nothing() -> None:
    assert clips(rewritten(twice_rounded(0.01, 0.01))) == 0


def test_values_with_another_use_need_nothing() -> None:
    model = twice_rounded(0.01, 0.013, behind="y = Add(d1, d2)")
    assert clips(rewritten(model)) == 0
    np.testing.assert_array_equal(by_runtime(model), by_reference(model))


def test_what_is_clipped_to_a_narrower_grid_needs_no_other_clip() -> None:
    model = twice_rounded(0.01, 0.2, "q2c = Clip(q2, zero, end)")
    assert clips(model) == clips(rewritten(model)) == 1
    np.testing.assert_array_equal(by_runtime(model), by_reference(model))
