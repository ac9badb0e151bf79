"""Cutting files of QONNX where integers pass, for benchmarks/segments.py."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

if TYPE_CHECKING:
    from segments import Cut, Feeds, Run, Values


def cut_qonnx(path: Path) -> "tuple[list[Cut], Run]":
    """A file, cut, and what runs all of its segments.

    ``Quant`` nodes give values, which are whole steps: those are the integers. qonnx sorts nodes its own way, so that
    quantizers are known by their steps.
    """
    model = ModelWrapper(str(path))
    known = {tensor.name for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    quantizers = [node for node in model.get_nodes_by_op_type("Quant") if node.input[0] not in known]
    enlarged = model.graph.output.pop()
    cuts = [_cut(model, node, makers, known) for node in quantizers]
    model.graph.output.append(enlarged)
    scales = {of.name: of.scale for of in cuts}

    def run(feeds: "Feeds") -> "list[Values]":
        values = {name: (given * scales.get(name, 1)).astype(np.float32) for name, given in feeds.items()}
        made = execute_onnx(model, values)
        integers = [np.rint(made[node.output[0]] / of.scale) for node, of in zip(quantizers, cuts, strict=True)]
        return [*integers, made[enlarged.name]]

    return cuts, run


def _cut(model: ModelWrapper, node: onnx.NodeProto, makers: dict[str, onnx.NodeProto], known: set[str]) -> "Cut":
    """Make what a quantizer gives an output, and what its readers get an input."""
    from segments import Cut, operator_of

    given, made = node.input[0], node.output[0]
    output = model.get_tensor_valueinfo(made)
    model.graph.output.append(output)
    model.graph.value_info.remove(output)
    for reader in model.find_consumers(made):
        reader.input[:] = [f"{made}_in" if name == made else name for name in reader.input]
    model.graph.input.append(output)
    model.graph.input[-1].name = f"{made}_in"
    scale = model.get_initializer(node.input[1])
    return Cut(f"{made}_in", scale, np.array(0, np.float32), given, operator_of(given, makers, known))
