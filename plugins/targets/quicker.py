"""Changes to ONNX graphs that leave every value as it is, and that ONNX Runtime computes faster.

What each is worth stands in docs/deployment.md; other runtimes have kernels of their own for what is changed.
"""

import numpy as np
from onnxscript import ir

from qnas.plugins.targets.rewriting import Values, constant_in, known_values, producer_of

REPEATED = "_integers"
"""How the name of integers ends whose grid stands there for the second time."""


def spell_out_prelu(graph: ir.Graph) -> None:
    """Write PReLU with known slopes as simpler operators, which take a twentieth to a fifth of its time."""
    for prelu in list(graph):
        slopes = known_values(prelu, 1) if prelu.op_type == "PRelu" else None
        if slopes is not None:
            _replace(graph, prelu, _as_prelu(graph, prelu.inputs[0], slopes, f"{prelu.outputs[0].name}_sloped"))


def _as_prelu(graph: ir.Graph, x: ir.Value | None, slopes: Values, name: str) -> list[ir.Node]:
    """Nodes whose last one has the values of PReLU, each rounded once as there."""
    if (slopes == slopes.flat[0]).all():
        return [_node("LeakyRelu", [x], name, alpha=float(slopes.flat[0]))]
    factors = constant_in(graph, f"{name}_slopes", slopes)
    if ((slopes >= 0) & (slopes <= 1)).all():
        sloped = _node("Mul", [x, factors], f"{name}_product")
        return [sloped, _node("Max", [x, sloped.outputs[0]], name)]
    positive, negated = _node("Relu", [x], f"{name}_positive"), _node("Neg", [x], f"{name}_negated")
    negative = _node("Relu", [negated.outputs[0]], f"{name}_negative")
    sloped = _node("Mul", [negative.outputs[0], factors], f"{name}_product")
    return [positive, negated, negative, sloped, _node("Sub", [positive.outputs[0], sloped.outputs[0]], name)]


def rearrange_integers(graph: ir.Graph) -> None:
    """Let what only moves values move integers, a quarter as wide, where the next ones are of another grid.

    ONNX Runtime moves integers where the same grid stands before and behind. So the grid before is repeated behind,
    which changes no value.
    """
    for shuffle in list(graph):
        before = producer_of(shuffle.inputs[0]) if shuffle.op_type == "DepthToSpace" else None
        if before is not None and before.op_type == "DequantizeLinear" and not _is_quantized_alike(shuffle, before):
            _repeat_grid(graph, shuffle, before)


def _is_quantized_alike(shuffle: ir.Node, before: ir.Node) -> bool:
    users = [use.node for use in shuffle.outputs[0].uses()]
    return bool(users) and all(
        node.op_type == "QuantizeLinear" and node.inputs[1:] == before.inputs[1:] for node in users
    )


def _repeat_grid(graph: ir.Graph, shuffle: ir.Node, before: ir.Node) -> None:
    moved = shuffle.outputs[0]
    integers = _node("QuantizeLinear", [moved, *before.inputs[1:]], f"{moved.name}{REPEATED}")
    values = _node("DequantizeLinear", [integers.outputs[0], *before.inputs[1:]], f"{moved.name}_values")
    _take_place(moved, values.outputs[0])
    integers.replace_input_with(0, moved)
    graph.insert_after(shuffle, [integers, values])


def fill_groups(graph: ir.Graph) -> None:
    """Write convolutions of integers in groups as whole ones with zeros: its kernel for groups is far slower.

    Depthwise convolutions stay, for which it has another.
    """
    for conv in list(graph):
        groups = conv.attributes["group"].as_int() if conv.op_type == "Conv" and "group" in conv.attributes else 1
        source = producer_of(conv.inputs[1]) if groups > 1 else None
        stored = known_values(source, 0) if source is not None and source.op_type == "DequantizeLinear" else None
        if source is not None and stored is not None and stored.shape[:2] != (groups, 1):
            whole = constant_in(graph, f"{conv.name}_whole", filled(stored, groups))
            values = _node("DequantizeLinear", [whole, *source.inputs[1:]], f"{conv.name}_kernel", axis=0)
            graph.insert_before(conv, values)
            conv.replace_input_with(1, values.outputs[0])
            conv.attributes["group"] = ir.AttrInt64("group", 1)


def filled(kernel: Values, groups: int) -> Values:
    """The kernel (out, in, height, width) of a whole convolution that does what one in groups does."""
    outs, ins = kernel.shape[0] // groups, kernel.shape[1]
    whole = np.zeros((kernel.shape[0], ins * groups, *kernel.shape[2:]), kernel.dtype)
    for group in range(groups):
        rows = slice(group * outs, (group + 1) * outs)
        whole[rows, group * ins : (group + 1) * ins] = kernel[rows]
    return whole


def _node(operator: str, inputs: list[ir.Value | None], name: str, **attributes: float) -> ir.Node:
    node = ir.node(operator, inputs, attributes)
    node.outputs[0].name = name
    return node


def _replace(graph: ir.Graph, node: ir.Node, others: list[ir.Node]) -> None:
    """Put others in the place of a node; the last one has its output."""
    graph.insert_before(node, others)
    _take_place(node.outputs[0], others[-1].outputs[0])
    graph.remove(node, safe=True)


def _take_place(old: ir.Value, new: ir.Value) -> None:
    """Let whatever reads one value read another of its type and shape."""
    new.type, new.shape = old.type, old.shape
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
