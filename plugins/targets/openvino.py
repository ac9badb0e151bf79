"""OpenVINO, on the CPU."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from qnas.core.components import Runtime, Target, Values

if TYPE_CHECKING:
    import openvino
    from torch.export import ExportedProgram


class OpenVino(Target):
    """OpenVINO on a CPU, from an ONNX file.

    It computes convolutions on integers even where their output stays in float.

    Note:
        With integers between the slots too, OpenVINO 2026.4 is off by one level in a fifth of all sums, and no
        faster. So networks for it have floats there.

    Attributes:
        int4: Whether weights of at most 4 bits are stored as INT4: a smaller file, unpacked as it is loaded.
        precision: The precision of what stays in float. By default OpenVINO uses bfloat16 on processors that support
            it, which changes the image.
    """

    suffix: ClassVar = ".onnx"
    requires: ClassVar = ("onnx", "onnxscript", "openvino")
    extra: ClassVar = "openvino"
    between: ClassVar = frozenset({None})
    native_source: ClassVar = (
        "https://docs.openvino.ai/2024/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.html"
    )

    int4: bool = False
    precision: Literal["f32", "bf16"] = "f32"

    def write(self, program: "ExportedProgram", path: Path) -> None:
        """See :meth:`qnas.Target.write`."""
        from qnas.plugins.targets.qdq import write_qdq

        write_qdq(program, path, int4=self.int4)

    def load(self, path: Path, threads: int = 0) -> Runtime:
        """See :meth:`qnas.Target.load`."""
        options: dict[str, Any] = {**self.settings(), **({"INFERENCE_NUM_THREADS": threads} if threads else {})}
        compiled = shared_core().compile_model(path, "CPU", options)
        request = compiled.create_infer_request()

        def run(lr: Values) -> Values:
            sr: Values = request.infer([lr])[0].copy()
            return sr

        return run

    def settings(self) -> Mapping[str, str]:
        """See :meth:`qnas.Target.settings`."""
        return {"INFERENCE_PRECISION_HINT": self.precision}


@functools.cache
def shared_core() -> "openvino.Core":
    """The one core of this process.

    Each core replaces the stack on which the process handles signals, and puts back the one before when it goes. Of two
    that don't go in reverse order, the second leaves a stack that is gone, and the next signal kills the process.
    """
    import openvino

    return openvino.Core()
