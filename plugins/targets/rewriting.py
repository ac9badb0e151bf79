"""Changes to ONNX graphs that leave every value as it is, and let runtimes compute it more exactly."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnxscript import ir

Values = npt.NDArray[Any]
_NEGLIGIBLE = 1e-30
_REDUCTIONS = {"ReduceMean", "ReduceSum", "ReduceL2"}  # of several axes at once the same as of one after the other


def take_biases_out(graph: ir.Graph) -> None:
    """Add the biases of convolutions with integer weights behind them, in float.

    ONNX Runtime would otherwise round them to whole steps of the product, which shows at low widths. A convolution
    without a bias gets one that changes no float32 result: OpenVINO 2026.4 loses the scale of some that have none.
    """
    for conv in list(graph):
        has_integer_bias = len(conv.inputs) > 2 and _is_dequantized(conv.inputs[2])
        if conv.op_type == "Conv" and _is_dequantized(conv.inputs[1]) and not has_integer_bias:
            bias = known_values(conv, 2)
            _take_bias_out(graph, conv, np.array(_NEGLIGIBLE, np.float32) if bias is None else bias)


def _is_dequantized(value: ir.Value | None) -> bool:
    node = producer_of(value)
    return node is not None and node.op_type == "DequantizeLinear"


def _take_bias_out(graph: ir.Graph, conv: ir.Node, bias: Values) -> None:
    product = conv.outputs[0]
    conv.resize_inputs(2)
    total = ir.Node("", "Add", [product, constant_in(graph, f"{conv.name}_bias", bias.reshape(-1, 1, 1))])
    total.outputs[0].name = f"{product.name}_biased"
    total.outputs[0].type, total.outputs[0].shape = product.type, product.shape
    ir.convenience.replace_all_uses_with(product, total.outputs[0], replace_graph_outputs=True)
    total.replace_input_with(0, product)
    graph.insert_after(conv, total)


def take_axes_apart(graph: ir.Graph) -> None:
    """Reduce one axis after the other: who adds up a whole image in float32 at once loses digits."""
    for reduction in list(graph):
        axes = known_values(reduction, 1) if reduction.op_type in _REDUCTIONS else None
        if axes is not None and axes.size > 1:
            _take_axes_apart(graph, reduction, sorted(axes.tolist(), reverse=True))


def _take_axes_apart(graph: ir.Graph, reduction: ir.Node, axes: list[int]) -> None:
    names = [f"{reduction.name}_axis_{axis}" for axis in axes]
    for name, axis in zip(names, axes, strict=True):
        value = constant_in(graph, name, np.array([axis]))
        if axis == axes[-1]:
            reduction.replace_input_with(1, value)
            return
        before = reduction.inputs[0]
        part = ir.Node("", reduction.op_type, [before, value], reduction.attributes)
        part.outputs[0].name = f"{name}_reduced"
        graph.insert_before(reduction, part)
        reduction.replace_input_with(0, part.outputs[0])


def keep_roundings_apart(graph: ir.Graph) -> None:
    """Keep ONNX Runtime from rounding once where the graph rounds twice, to grid after grid.

    Its DoubleQDQPairsRemover makes one grid of two that differ, which changes values. It leaves pairs alone that are
    not side by side, so the second one's integers pass a clip to the range that they have. It also leaves those alone
    whose values have other uses.
    """
    for second in list(graph):
        values = second.inputs[0] if second.op_type == "QuantizeLinear" else None
        before = producer_of(values)
        if before is None or not _is_dequantized(values) or _have_one_grid(before, second):
            continue
        first = producer_of(before.inputs[0])
        others = [use.node for use in before.outputs[0].uses()]
        alone = all(other.op_type == "QuantizeLinear" and _have_one_grid(other, second) for other in others)
        if alone and first is not None and first.op_type == "QuantizeLinear":
            _clip_to_type(graph, second)


def _have_one_grid(one: ir.Node, other: ir.Node) -> bool:
    grids = ((known_values(one, index), known_values(other, index)) for index in (1, 2))
    return all(ours is not None and theirs is not None and np.array_equal(ours, theirs) for ours, theirs in grids)


def _clip_to_type(graph: ir.Graph, quantize: ir.Node) -> None:
    integers, zero = quantize.outputs[0], known_values(quantize, 2)
    if zero is None or any(use.node.op_type == "Clip" for use in integers.uses()):
        return
    limits = np.iinfo(zero.dtype)
    ends = [
        constant_in(graph, f"{integers.name}_{end}", np.array(value, zero.dtype))
        for end, value in (("smallest", limits.min), ("largest", limits.max))
    ]
    clip = ir.Node("", "Clip", [integers, *ends])
    clip.outputs[0].name = f"{integers.name}_clipped"
    clip.outputs[0].type, clip.outputs[0].shape = integers.type, integers.shape
    ir.convenience.replace_all_uses_with(integers, clip.outputs[0], replace_graph_outputs=True)
    clip.replace_input_with(0, integers)
    graph.insert_after(quantize, clip)


def known_values(node: ir.Node, index: int) -> Values | None:
    """The values of an input, if there is one and they are constant."""
    value = node.inputs[index] if index < len(node.inputs) else None
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def producer_of(value: ir.Value | None) -> ir.Node | None:
    """The node that makes a value, if one does."""
    return None if value is None else value.producer()


def constant_in(graph: ir.Graph, name: str, values: Values) -> ir.Value:
    """A constant in the graph."""
    value = ir.Value(name=name, const_value=ir.tensor(values, name=name))
    graph.register_initializer(value)
    return value
