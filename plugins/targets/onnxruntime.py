"""ONNX Runtime, on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qnas.core.components import Runtime, Target, Values

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class OnnxRuntime(Target):
    """ONNX Runtime on a CPU, with its default settings.

    Attributes:
        int4: Whether weights of at most 4 bits are stored as INT4: a smaller file, unpacked as it is loaded.

    Note:
        It computes a convolution on integers only if its output is quantized too. It computes others in float, from
        dequantized integers: exact, but no faster. So networks for it have integers between their slots by default.
    """

    suffix: ClassVar = ".onnx"
    requires: ClassVar = ("onnx", "onnxscript", "onnxruntime")
    extra: ClassVar = "onnx"
    fills: ClassVar = 8
    native_source: ClassVar = "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"

    int4: bool = False

    def write(self, program: "ExportedProgram", path: Path) -> None:
        """See :meth:`qnas.Target.write`."""
        from qnas.plugins.targets.qdq import write_qdq
        from qnas.plugins.targets.quicker import fill_groups, rearrange_integers, spell_out_prelu

        rewrites = (spell_out_prelu, rearrange_integers, fill_groups)
        write_qdq(program, path, int4=self.int4, rewrites=rewrites)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what goes wrong is raised, too
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name

        def run(lr: Values) -> Values:
            sr: Values = session.run(None, {name: lr})[0]
            return sr

        return run
