"""Files in ONNX's QDQ form: integers stand between ``QuantizeLinear`` and ``DequantizeLinear``."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import onnx
import torch
from onnx_ir.passes.common import CheckerPass, ClearMetadataAndDocStringPass, RemoveUnusedNodesPass
from onnxscript import ir, opset21 as op
from torch.export import ExportedProgram

from qnas.core.deploy.lowering import OUTPUT
from qnas.core.deploy.quiet import quiet
from qnas.plugins.targets.packing import pack_narrow_weights
from qnas.plugins.targets.rewriting import take_axes_apart, take_biases_out

OPSET = 21  # the first whose integers have 16 bits
_QUANTIZED = torch.ops.quantized_decomposed


def constant(value: float, dtype: Any) -> Any:
    """A number in the graph."""
    return op.Constant(value=onnx.numpy_helper.from_array(np.array(value, dtype)))


class Integers(NamedTuple):
    """The integers of a grid.

    Attributes:
        dtype: Their type.
        zero_point: The one that stands for zero.
        smallest: The one at the lower end.
        largest: The one at the upper end.
    """

    dtype: np.dtype[Any]
    zero_point: int
    smallest: int
    largest: int

    @property
    def zero(self) -> Any:
        """The zero point in the graph."""
        return constant(self.zero_point, self.dtype)

    def clipped(self, x: Any) -> Any:
        """Integers of the type, clipped if the grid is narrower."""
        limits = np.iinfo(self.dtype)
        if (self.smallest, self.largest) == (limits.min, limits.max):
            return x
        return op.Clip(x, constant(self.smallest, self.dtype), constant(self.largest, self.dtype))


class Qdq:
    """How the operators of a lowered network are written.

    Weights are signed integers with a step for each channel; activations of at most 8 bits are unsigned. A grid that is
    narrower than its type is clipped on the integers, which leaves runtimes free to fuse what stands before and behind.

    Note:
        Signed activations would be as exact, but OpenVINO 2026.4 computes wrong values where a tensor is concatenated,
        then quantized to signed integers.
    """

    def translations(self) -> dict[Callable[..., Any], Callable[..., Any]]:
        """What is written for each operator of PyTorch's own quantized form."""
        written: dict[Callable[..., Any], Callable[..., Any]] = {
            _QUANTIZED.quantize_per_tensor.default: self._quantize,
            _QUANTIZED.dequantize_per_tensor.default: self._dequantize,
            _QUANTIZED.dequantize_per_channel.default: self._dequantize_channels,
        }
        return {operator: _as_function(method) for operator, method in written.items()}

    def integers(self, zero_point: int, smallest: int, largest: int, dtype: int) -> Integers:
        """What stands for the integers of an activation: those of int8 are moved to uint8, the smallest becomes 0."""
        if dtype != ir.DataType.INT8:
            return Integers(ir.DataType(dtype).numpy(), zero_point, smallest, largest)
        return Integers(np.dtype(np.uint8), zero_point - smallest, 0, largest - smallest)

    def quantized(self, x: Any, scale: float, integers: Integers) -> Any:
        """The integers of values."""
        return integers.clipped(op.QuantizeLinear(x, constant(scale, np.float32), integers.zero))

    def weights(self, stored: Any, scales: Any, zero_points: Any, axis: int, integers: Integers) -> Any:
        """The values of weights or biases that are stored as integers."""
        del integers
        return op.DequantizeLinear(stored, scales, zero_points, axis=axis)

    def _quantize(self, x: Any, scale: float, *grid: int) -> Any:
        return self.quantized(x, scale, self.integers(*grid))

    def _dequantize(self, x: Any, scale: float, *grid: int, out_dtype: Any = None) -> Any:
        del out_dtype
        return op.DequantizeLinear(x, constant(scale, np.float32), self.integers(*grid).zero)

    def _dequantize_channels(
        self,
        x: Any,
        scales: Any,
        zero_points: Any,
        axis: int,
        smallest: int,
        largest: int,
        dtype: int,
        out_dtype: Any = None,
    ) -> Any:
        del out_dtype
        integers = Integers(ir.DataType(dtype).numpy(), 0, smallest, largest)
        return self.weights(x, scales, op.Cast(zero_points, to=dtype), axis, integers)


def _as_function(method: Callable[..., Any]) -> Callable[..., Any]:
    """The exporter notes things in what it is given, which methods don't allow."""

    @functools.wraps(method)
    def function(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return function


def write_qdq(
    program: ExportedProgram,
    path: Path,
    form: Qdq | None = None,
    *,
    int4: bool = False,
    rewrites: Sequence[Callable[[ir.Graph], object]] = (),
) -> None:
    """Write a lowered network.

    Args:
        program: The network.
        path: Of the file.
        form: How operators are written.
        int4: Whether weights of at most 4 bits are stored as INT4.
        rewrites: Further changes of the graph, which leave every value as it is.
    """
    model = _converted(program, form or Qdq())
    take_biases_out(model.graph)
    take_axes_apart(model.graph)
    for rewrite in rewrites:
        rewrite(model.graph)
    model.graph.outputs[0].name = OUTPUT
    if int4:
        pack_narrow_weights(model.graph)
    for clean in (RemoveUnusedNodesPass(), ClearMetadataAndDocStringPass(), CheckerPass()):
        clean(model)  # the exporter notes the code with its paths in every node
    ir.save(model, path)


def _converted(program: ExportedProgram, form: Qdq) -> ir.Model:
    with quiet():
        converted = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, custom_translation_table=form.translations(), verbose=False
        )
    model: ir.Model = cast("torch.onnx.ONNXProgram", converted).model
    return model
