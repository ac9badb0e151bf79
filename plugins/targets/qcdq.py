"""Files in QONNX's form: ``Quant`` nodes of any bit-width, which qonnx makes of its QCDQ form."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxscript import ir, opset21 as op
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant
from qonnx.util.cleanup import cleanup_model
from torch.export import ExportedProgram

from qnas.core.deploy.lowering import INPUT, OUTPUT
from qnas.core.errors import InputError
from qnas.plugins.targets.qdq import Integers, Qdq, write_qdq

_QUANTIZED = torch.ops.quantized_decomposed
_COPY = "Identity"
_DOMAIN = "qonnx.custom_op.general"


class Qcdq(Qdq):
    """The form that qonnx reads bit-widths from: each tensor is quantized, clipped and dequantized, weights too."""

    def integers(self, zero_point: int, smallest: int, largest: int, dtype: int) -> Integers:
        """See :meth:`Qdq.integers`. Signed integers stay signed: a ``Quant`` node without a zero point needs them."""
        return Integers(ir.DataType(dtype).numpy(), zero_point, smallest, largest)

    def weights(self, stored: Any, scales: Any, zero_points: Any, axis: int, integers: Integers) -> Any:
        """See :meth:`Qdq.weights`. They are stored as values: qonnx takes stored integers for as wide as their type."""
        if integers.dtype == np.int32:  # biases, which have no Quant node
            return op.Mul(op.CastLike(stored, scales), scales)
        others: Any = op.Constant(value_ints=[1, 2, 3])
        values = op.Mul(op.CastLike(stored, scales), op.Unsqueeze(scales, others))
        quantized = integers.clipped(op.QuantizeLinear(values, scales, zero_points, axis=axis))
        return op.DequantizeLinear(quantized, scales, zero_points, axis=axis)


def write_quant_nodes(program: ExportedProgram, path: Path) -> None:
    """Write a lowered network.

    Raises:
        InputError: ``Quant`` nodes can't have a grid in it.
    """
    _refuse_grids(program)
    write_qdq(program, path, Qcdq())
    model = ModelWrapper(str(path))
    _copy_twins(model)
    model = cleanup_model(model)
    _leave_out_axes(model)
    _copy_inputs(model)
    model = model.transform(QCDQToQuant())
    _take_copies_out(model)
    model.model.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    model = cleanup_model(model)
    for tensor, name in ((model.graph.input[0], INPUT), (model.graph.output[0], OUTPUT)):
        model.rename_tensor(tensor.name, name)
    model.save(str(path))


def _refuse_grids(program: ExportedProgram) -> None:
    """Refuse grids that are not those of a bit-width."""
    for node in program.graph.nodes:
        if node.target in (_QUANTIZED.quantize_per_tensor.default, _QUANTIZED.dequantize_per_channel.default):
            smallest, largest, container = node.args[-3:]
            bits = (largest - smallest).bit_length()
            full = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            fits = (smallest, largest) in (full, (-full[1], full[1]), (0, 2**bits - 1))
            if not fits and container != torch.int32:
                raise InputError(f"QONNX has no bit-width whose integers are {smallest} to {largest}")


def _leave_out_axes(model: ModelWrapper) -> None:
    """Leave out what ONNX's default says of scalar scales, since qonnx looks for the length of that axis."""
    for node in model.get_nodes_by_op_type("DequantizeLinear"):
        if model.get_initializer(node.input[1]).ndim == 0:
            del node.attribute[:]


def _copy_twins(model: ModelWrapper) -> None:
    """Let no node read the same tensor twice, since qonnx renames only one of the two."""
    for index, node in enumerate(list(model.graph.node)):
        for place, name in enumerate(node.input):
            if name and name in node.input[:place]:
                node.input[place] = _copied(model, node, name, f"twin_{index}_{place}")


def _copied(model: ModelWrapper, reader: onnx.NodeProto, name: str, own: str) -> str:
    """A copy of a tensor, named ``own``, in front of what reads it."""
    model.graph.node.insert(model.get_node_index(reader), onnx.helper.make_node(_COPY, [name], [own]))
    return own


def _copy_inputs(model: ModelWrapper) -> None:
    """Let no two quantizers read the same tensor, since qonnx names the bit-widths of both after it."""
    for index, node in enumerate(model.get_nodes_by_op_type("QuantizeLinear")):
        if model.get_initializer(node.input[0]) is None:
            node.input[0] = _copied(model, node, node.input[0], f"quantized_{index}")


def _take_copies_out(model: ModelWrapper) -> None:
    """Take out what :func:`_copy_inputs` put in."""
    for quantizer in model.get_nodes_by_op_type("Quant"):
        copy = model.find_producer(quantizer.input[0])
        if copy is not None and copy.op_type == _COPY and not model.is_fork_node(copy):
            quantizer.input[0] = copy.input[0]
            model.graph.node.remove(copy)
