"""Files in ONNX's QDQ form whose integers are symmetric, as TensorRT wants them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxscript import opset21 as op
from torch.export import ExportedProgram

from qnas.core.errors import InputError
from qnas.plugins.targets.qdq import Integers, Qdq, constant, write_qdq

_LIMITS = np.iinfo(np.int8)
_QUANTIZE = torch.ops.quantized_decomposed.quantize_per_tensor.default


class Symmetric(Qdq):
    """All integers of activations are signed and have 8 bits, and zero stands for zero.

    A narrower grid is clipped before it is quantized, since nothing else may stand between the two nodes that TensorRT
    looks for. Biases are in float: it dequantizes no 32-bit integers.
    """

    def integers(self, zero_point: int, smallest: int, largest: int, dtype: int) -> Integers:
        """See :meth:`Qdq.integers`."""
        del dtype
        return Integers(np.dtype(np.int8), zero_point, smallest, largest)

    def quantized(self, x: Any, scale: float, integers: Integers) -> Any:
        """See :meth:`Qdq.quantized`."""
        limits = (constant(scale * end, np.float32) for end in (integers.smallest, integers.largest))
        return op.QuantizeLinear(op.Clip(x, *limits), constant(scale, np.float32), integers.zero)

    def weights(self, stored: Any, scales: Any, zero_points: Any, axis: int, integers: Integers) -> Any:
        """See :meth:`Qdq.weights`."""
        if integers.dtype == np.int32:
            return op.Mul(op.CastLike(stored, scales), scales)
        return super().weights(stored, scales, zero_points, axis, integers)


def write_symmetric(program: ExportedProgram, path: Path) -> None:
    """Write a lowered network.

    Raises:
        InputError: Its integers are not symmetric.
    """
    for node in program.graph.find_nodes(op="call_function", target=_QUANTIZE):
        _refuse_grid(*node.args[2:5])
    write_qdq(program, path, Symmetric())


def _refuse_grid(zero_point: int, smallest: int, largest: int) -> None:
    if zero_point or smallest < _LIMITS.min or largest > _LIMITS.max:
        raise InputError(
            f"TensorRT's integers are {_LIMITS.min} to {_LIMITS.max} with zero at 0, but an activation has"
            f" {smallest} to {largest} with zero at {zero_point}: train the network with signed activations"
            " (quantizer.train.signed), as target: tensorrt does"
        )
