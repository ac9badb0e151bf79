"""TensorRT, on NVIDIA's GPUs."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qnas.core.components import Runtime, Target
from qnas.plugins.targets.onnxruntime import OnnxRuntime, open_session

if TYPE_CHECKING:
    from torch.export import ExportedProgram


class TensorRt(Target):
    """An ONNX file for TensorRT, which builds an engine from it on the GPU that is to run it.

    TensorRT knows signed integers with a zero point of 0 only. So networks for it have signed activations by default
    (``quantizer.train.signed``); without, 8-bit activations that can't be negative don't fit, narrower ones do.

    Note:
        It is not run here: ONNX Runtime shows on a CPU that the graph in the file gives the right images. How exact and
        how fast the engine is was not measured.
    """

    suffix: ClassVar = ".onnx"
    requires: ClassVar = OnnxRuntime.requires
    extra: ClassVar = OnnxRuntime.extra
    between: ClassVar = frozenset({None, 8})
    signed: ClassVar = True
    checked_in: ClassVar = "ONNX Runtime"
    native_source: ClassVar = "https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/quantized-types-explicit-quantization.html"

    def write(self, program: "ExportedProgram", path: Path) -> None:
        """See :meth:`qnas.Target.write`."""
        from qnas.plugins.targets.symmetric import write_symmetric

        write_symmetric(program, path)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`. ONNX Runtime runs it, and rounds wherever the graph does."""
        return open_session(path, threads, disable_double_qdq_remover="1")
