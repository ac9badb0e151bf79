"""QONNX: any bit-width, for compilers that turn networks into circuits (FINN, hls4ml)."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qnas.core.components import Runtime, Target, Values

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class Qonnx(Target):
    """A file in QONNX, whose ``Quant`` nodes have any bit-width: what compilers for FPGAs read (FINN, hls4ml).

    qonnx itself runs it, node by node, which shows that the file is right, not how fast it is.

    Note:
        Such compilers want a zero point of 0, which symmetric quantizers have; qonnx runs files with any.
    """

    suffix: ClassVar = ".onnx"
    requires: ClassVar = ("onnx", "onnxscript", "onnxruntime", "qonnx")
    extra: ClassVar = "qonnx"
    any_size: ClassVar = False
    native_bits: ClassVar = frozenset(range(2, 17))
    native_source: ClassVar = "https://github.com/fastmachinelearning/qonnx/blob/main/docs/qonnx-custom-ops/quant_op.md"

    def write(self, program: "ExportedProgram", path: Path) -> None:
        """See :meth:`qnas.Target.write`."""
        from qnas.plugins.targets.qcdq import write_quant_nodes

        write_quant_nodes(program, path)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`. The number of threads changes nothing: each node is run by itself."""
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx

        from qnas.core.deploy.lowering import INPUT, OUTPUT

        del threads
        model = ModelWrapper(str(path))

        def run(lr: Values) -> Values:
            sr: Values = execute_onnx(model, {INPUT: lr})[OUTPUT]
            return sr

        return run
