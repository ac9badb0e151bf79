"""LiteRT, TensorFlow Lite's runtime, on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from qnas.core.components import Runtime, Target, Values

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class LiteRt(Target):
    """LiteRT (TensorFlow Lite) on a CPU: weights in int8, biases in int32, and integers between the slots.

    A file takes images of one size: (1, H, W, 3), RGB in 0..1 as float32, and returns (1, H x scale, W x scale, 3). In
    LiteRT channels come last; what :meth:`load` returns takes and gives them first.
    """

    suffix: ClassVar = ".tflite"
    requires: ClassVar = ("ai-edge-litert",)
    extra: ClassVar = "litert"
    any_size: ClassVar = False
    between: ClassVar = frozenset({8})
    fills: ClassVar = 8
    native_source: ClassVar = "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec"

    def write(self, program: "ExportedProgram", path: Path) -> None:
        """See :meth:`qnas.Target.write`."""
        from qnas.plugins.targets.tflite.operators import write_tflite

        write_tflite(program, path)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads or None)
        interpreter.allocate_tensors()
        (lr_index,), (sr_index,) = (
            [tensor["index"] for tensor in tensors]
            for tensors in (interpreter.get_input_details(), interpreter.get_output_details())
        )

        def run(lr: Values) -> Values:
            interpreter.set_tensor(lr_index, lr.transpose(0, 2, 3, 1))
            interpreter.invoke()
            sr: Values = np.ascontiguousarray(interpreter.get_tensor(sr_index).transpose(0, 3, 1, 2))
            return sr

        return run
