"""Files that LiteRT runs: a flatbuffer of tensors, and of the operators between them.

Its form is that of TensorFlow Lite: https://ai.google.dev/edge/litert/models/model_analyzer shows what is in a file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

LARGEST = 127
"""The integer at the upper end of every grid."""
SMALLEST = -128
_IDENTIFIER = b"TFL3"
_SCHEMA = 3
_ALIGNMENT = 16  # bytes; what the schema wants of constants
_TYPES = {"float32": schema.TensorType.FLOAT32, "int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}
_VERSIONS = {
    "CONV_2D": (1, 3),
    "DEPTHWISE_CONV_2D": (2, 3),
    "DEPTH_TO_SPACE": (1, 1),
    "DEQUANTIZE": (1, 5),
    "QUANTIZE": (1, 1),
    "RESIZE_BILINEAR": (3, 3),
    "RESIZE_NEAREST_NEIGHBOR": (3, 3),
}
"""The versions of operators that take floats, and int8."""
_GROUPED = 6


class Grid(NamedTuple):
    """The values ``scale * (q - zero_point)`` of the int8 integers ``smallest <= q <= 127``."""

    scale: float
    zero_point: int
    smallest: int


class Tensor(NamedTuple):
    """A tensor of a file.

    Attributes:
        place: Among the tensors.
        shape: Its sides; of images (1, H, W, C).
        grid: Of its integers, None for floats, and for constants.
    """

    place: int
    shape: tuple[int, ...]
    grid: Grid | None = None


class TfliteFile:
    """A network that grows by an operator at a time."""

    def __init__(self) -> None:
        self._tensors: list[Any] = []
        self._buffers = [schema.BufferT()]  # the first one is that of all tensors that are no constants
        self._codes: dict[tuple[str, int], int] = {}
        self._operators: list[Any] = []

    def input(self, name: str, shape: Sequence[int]) -> Tensor:
        """A tensor of floats that the network is given."""
        return self._tensor(name, shape, "float32")

    def constant(self, values: npt.NDArray[Any], scales: npt.NDArray[Any] | None = None, axis: int = 0) -> Tensor:
        """A tensor that the file holds.

        Args:
            values: float32, int8 or int32.
            scales: The steps of integers along ``axis``, or one step; None if they are just numbers.
            axis: What the steps belong to.
        """
        self._buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        quantization = None if scales is None else _quantization(scales, 0, axis)
        return self._tensor("", values.shape, str(values.dtype), quantization, len(self._buffers) - 1)

    def operator(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        grid: Grid | None = None,
        options: Any = None,
        name: str = "",
    ) -> Tensor:
        """What an operator gives.

        Args:
            kind: Its name in the schema.
            inputs: What it takes.
            shape: Of what it gives.
            grid: Of what it gives, None for floats.
            options: Its options in the schema.
            name: Of what it gives.
        """
        quantization = None if grid is None else _quantization(np.array([grid.scale]), grid.zero_point)
        output = self._tensor(name, shape, "float32" if grid is None else "int8", quantization)
        made = schema.OperatorT(
            opcodeIndex=self._code(kind, inputs),
            inputs=_int32([tensor.place for tensor in inputs]),
            outputs=_int32([output.place]),
        )
        if options is not None:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            made.builtinOptions = options
        self._operators.append(made)
        return output._replace(grid=grid)

    def save(self, path: Path, lr: Tensor, sr: Tensor) -> None:
        """Write the file, from ``lr`` to ``sr``."""
        named = {name: schema.TensorMapT(name, tensor.place) for name, tensor in (("lr", lr), ("sr", sr))}
        model = schema.ModelT(
            version=_SCHEMA,
            operatorCodes=[_operator_code(*code) for code in self._codes],
            subgraphs=[
                schema.SubGraphT(
                    tensors=self._tensors,
                    inputs=_int32([lr.place]),
                    outputs=_int32([sr.place]),
                    operators=self._operators,
                    name="main",
                )
            ],
            buffers=self._buffers,
            signatureDefs=[schema.SignatureDefT([named["lr"]], [named["sr"]], "serving_default")],
        )
        builder = _Builder()
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        path.write_bytes(builder.Output())

    def _tensor(self, name: str, shape: Sequence[int], dtype: str, quantization: Any = None, buffer: int = 0) -> Tensor:
        tensor = Tensor(len(self._tensors), tuple(shape))
        self._tensors.append(
            schema.TensorT(
                shape=_int32(shape),
                type=_TYPES[dtype],
                buffer=buffer,
                name=name or f"{dtype}_{tensor.place}",
                quantization=quantization,
            )
        )
        return tensor

    def _code(self, kind: str, inputs: Sequence[Tensor]) -> int:
        of_floats, of_integers = _VERSIONS.get(kind, (1, 2))
        takes_integers = self._tensors[inputs[0].place].type == schema.TensorType.INT8
        version = of_integers if takes_integers else of_floats
        if kind == "CONV_2D" and inputs[0].shape[-1] != inputs[1].shape[-1]:
            version = _GROUPED
        return self._codes.setdefault((kind, version), len(self._codes))


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder whose vectors all start at a multiple of 16 bytes."""

    def StartVector(self, size: int, amount: int, alignment: int) -> int:  # noqa: N802
        """See ``flatbuffers.Builder.StartVector``."""
        started: int = super().StartVector(size, amount, max(alignment, _ALIGNMENT))
        return started


def _quantization(scales: npt.NDArray[Any], zero_point: int, axis: int = 0) -> Any:
    return schema.QuantizationParametersT(
        scale=scales.astype(np.float32),
        zeroPoint=np.full(len(scales), zero_point, np.int64),
        quantizedDimension=axis,
    )


def _operator_code(kind: str, version: int) -> Any:
    code = getattr(schema.BuiltinOperator, kind)
    return schema.OperatorCodeT(deprecatedBuiltinCode=min(code, LARGEST), version=version, builtinCode=code)


def _int32(values: Sequence[int]) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)
