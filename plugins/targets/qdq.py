"""Files in ONNX's QDQ form: integers stand between ``QuantizeLinear`` and ``DequantizeLinear``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx_ir.passes.common import CheckerPass, ClearMetadataAndDocStringPass, RemoveUnusedNodesPass
from onnxscript import ir, opset21 as op
from torch.export import ExportedProgram

from qnas.core.deploy.quiet import quiet
from qnas.plugins.targets.rewriting import take_axes_apart, take_biases_out

OPSET = 21  # the first whose integers have 16 bits
OUTPUT = "sr"
_QUANTIZED = torch.ops.quantized_decomposed


def write_qdq(program: ExportedProgram, path: Path) -> None:
    """Write a lowered network.

    Weights are signed integers with a step for each channel; activations of at most 8 bits are unsigned. A grid that is
    narrower than its type is clipped on the integers, which leaves runtimes free to fuse what stands before and behind.

    Note:
        Signed activations would be as exact, but OpenVINO 2026.4 computes wrong values where a tensor is concatenated,
        then quantized to signed integers.
    """
    model = _converted(program)
    model.graph.outputs[0].name = OUTPUT
    take_biases_out(model.graph)
    take_axes_apart(model.graph)
    for clean in (RemoveUnusedNodesPass(), ClearMetadataAndDocStringPass(), CheckerPass()):
        clean(model)  # the exporter notes the code with its paths in every node
    ir.save(model, path)


def _converted(program: ExportedProgram) -> ir.Model:
    with quiet():
        converted = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, custom_translation_table=_TRANSLATIONS, verbose=False
        )
    model: ir.Model = cast("torch.onnx.ONNXProgram", converted).model
    return model


def _constant(value: float, dtype: Any) -> Any:
    return op.Constant(value=onnx.numpy_helper.from_array(np.array(value, dtype)))


def _unsigned(dtype: int, zero_point: int, smallest: int, largest: int) -> tuple[Any, int, int, int]:
    """A grid's integer type and its integers, moved from int8 to uint8: the smallest becomes 0."""
    if dtype != ir.DataType.INT8:
        return ir.DataType(dtype).numpy(), zero_point, smallest, largest
    return np.uint8, zero_point - smallest, 0, largest - smallest


def _quantize(x: Any, scale: float, *grid: int) -> Any:
    zero_point, smallest, largest, dtype = grid
    integer, zero_point, smallest, largest = _unsigned(dtype, zero_point, smallest, largest)
    integers = op.QuantizeLinear(x, _constant(scale, np.float32), _constant(zero_point, integer))
    limits = np.iinfo(integer)
    if (smallest, largest) == (limits.min, limits.max):
        return integers
    return op.Clip(integers, _constant(smallest, integer), _constant(largest, integer))


def _dequantize(x: Any, scale: float, *grid: int, out_dtype: Any = None) -> Any:
    del out_dtype
    zero_point, smallest, largest, dtype = grid
    integer, zero_point, _, _ = _unsigned(dtype, zero_point, smallest, largest)
    return op.DequantizeLinear(x, _constant(scale, np.float32), _constant(zero_point, integer))


def _dequantize_channels(
    x: Any, scales: Any, zero_points: Any, axis: int, smallest: int, largest: int, dtype: int, out_dtype: Any = None
) -> Any:
    del smallest, largest, out_dtype
    return op.DequantizeLinear(x, scales, op.Cast(zero_points, to=dtype), axis=axis)


_TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    _QUANTIZED.quantize_per_tensor.default: _quantize,
    _QUANTIZED.dequantize_per_tensor.default: _dequantize,
    _QUANTIZED.dequantize_per_channel.default: _dequantize_channels,
}
