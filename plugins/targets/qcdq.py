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
    model = cleanup_model(ModelWrapper(str(path)))
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


def _copy_inputs(model: ModelWrapper) -> None:
    """Let no two quantizers read the same tensor, since qonnx names the bit-widths of both after it."""
    for index, node in enumerate(model.get_nodes_by_op_type("QuantizeLinear")):
        if model.get_initializer(node.input[0]) is None:
            own = f"quantized_{index}"
            model.graph.node.insert(model.get_node_index(node), onnx.helper.make_node(_COPY, [node.input[0]], [own]))
            node.input[0] = own


def _take_copies_out(model: ModelWrapper) -> None:
    for copy in model.get_nodes_by_op_type(_COPY):
        for reader in model.find_consumers(copy.output[0]):
            reader.input[:] = [copy.input[0] if name == copy.output[0] else name for name in reader.input]
        model.graph.node.remove(copy)
