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
        from qnas.plugins.targets.rewriting import keep_roundings_apart

        rewrites = (spell_out_prelu, rearrange_integers, fill_groups, keep_roundings_apart)
        write_qdq(program, path, int4=self.int4, rewrites=rewrites)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`."""
        return open_session(path, threads)


def open_session(path: Path, threads: int = 0, **settings: str) -> Runtime:
    """Load a file into ONNX Runtime.

    Args:
        path: The file.
        threads: How many; 0 for all cores.
        settings: Entries of the session's configuration, each without its ``session.``.

    Returns:
        What runs it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is raised, too
    for key, value in settings.items():
        options.add_session_config_entry(f"session.{key}", value)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(lr: Values) -> Values:
        sr: Values = session.run(None, {name: lr})[0]
        return sr

    return run
