"""Narrow weights stored as INT4: a smaller file, and the same network once it is loaded."""

import ml_dtypes
import numpy as np
import numpy.typing as npt
from onnxscript import ir

_SMALLEST, _LARGEST = -8, 7


def pack_narrow_weights(graph: ir.Graph) -> None:
    """Store int8 weights that 4 bits hold as INT4, and unpack them in front of what reads them.

    Runtimes do so once, as they load the file. Their own INT4 kernels, which would be slower, take no part.
    """
    for value in list(graph.initializers.values()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.INT8 or tensor.size < 2:
            continue
        weights = tensor.numpy()
        if weights.min() >= _SMALLEST and weights.max() <= _LARGEST:
            _pack(graph, value, weights)


def _pack(graph: ir.Graph, value: ir.Value, weights: npt.NDArray[np.int8]) -> None:
    name = f"{value.name}_int4"
    packed = ir.Value(name=name, const_value=ir.tensor(weights.astype(ml_dtypes.int4), name=name))
    graph.register_initializer(packed)
    unpacked = ir.Node("", "Cast", [packed], [ir.AttrInt64("to", ir.DataType.INT8.value)])
    unpacked.outputs[0].name = f"{name}_unpacked"
    readers = [node for node, _ in value.uses()]
    ir.convenience.replace_all_uses_with(value, unpacked.outputs[0])
    graph.insert_before(min(readers, key=list(graph).index), unpacked)
    del graph.initializers[value.name or ""]
