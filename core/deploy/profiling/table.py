"""The table of latencies that ``qnas profile`` writes and the cost ``latency`` reads."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qnas.core.components import ConvolutionShape, Part
from qnas.core.deploy.profiling.setting import Setting
from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically
from qnas.core.settings import Widths

FORM: Final = 1
"""The version of the file's form."""


def name_of(part: Part, widths: bool = True) -> str:
    """What tells a candidate apart from those that may take another time, in words.

    It has its operation, what stands before it, and its convolutions as they run on an LR image of 32 x 32:
    ``conv3x3 behind 24 channels, relu: 3x3 24>24 at 4 bits on 32x32``. Without widths
    it is what candidates have in common that differ by their bits alone.
    """
    convolutions = ", ".join(_convolution(shape, widths) for shape in part.convolutions)
    return f"{part.operation} behind {part.entrance}: {convolutions}".removesuffix(": ")


def _convolution(shape: ConvolutionShape, widths: bool) -> str:
    marks = {
        f" in {shape.groups} groups": shape.groups > 1,
        f" stride {_pair(shape.stride)}": shape.stride != (1, 1),
        f" dilation {_pair(shape.dilation)}": shape.dilation != (1, 1),
        " transposed": shape.transposed,
        " without bias": not shape.bias,
        f" {shape.images} times": shape.images > 1,
    }
    said = "".join(mark for mark, holds in marks.items() if holds)
    bits = f" at {Widths(shape.weight_bits, shape.activation_bits).label} bits" if widths else ""
    channels = f"{shape.in_channels}>{shape.out_channels}"
    return f"{_pair(shape.kernel_size)} {channels}{said}{bits} on {_pair(shape.output_size)}"


def _pair(sides: tuple[int, int]) -> str:
    return f"{sides[0]}x{sides[1]}"


def frame_of(rest: Part, slots: Mapping[str, Sequence[Part]]) -> str:
    """A digest of what all networks of a space have in common: what lies outside the slots, and where slots are."""
    common = [name_of(rest), *(f"{path} {options[0].entrance}" for path, options in slots.items())]
    return hashlib.sha256("\n".join(common).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Fit:
    """What the timed networks say about candidates: the time of a network is the constant and a sum over its slots.

    Attributes:
        constant: The time of what lies between the slots, with the quickest candidate in each, in nanoseconds.
        candidates: How much longer than the quickest a candidate takes, in nanoseconds, by its name (:func:`name_of`).
        error: By what share the prediction of a network is off that it was not fitted to; the median.
    """

    constant: int
    candidates: Mapping[str, int]
    error: float | None


@dataclass(frozen=True)
class LatencyTable:
    """How long networks of a space take in a runtime.

    Attributes:
        setting: What that holds for.
        frame: See :func:`frame_of`.
        space: The space that was measured, in words.
        networks: What was measured of each network, in order.
        planned: How many networks are to be measured.
        fit: What they say, None until all are measured.
    """

    setting: Setting
    frame: str
    space: str
    networks: Sequence[Mapping[str, float]]
    planned: int
    fit: Fit | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        made: dict[str, Any] = {
            "latencies": FORM,
            "setting": self.setting.to_json(),
            "space": self.space,
            "frame": self.frame,
        }
        if self.fit is not None:
            made |= {
                "error": self.fit.error,
                "constant_ns": self.fit.constant,
                "candidates_ns": dict(self.fit.candidates),
            }
        made |= {"planned": self.planned, "networks": list(map(dict, self.networks))}
        write_atomically(path, (json.dumps(made, indent=2) + "\n").encode())


def read_table(path: Path) -> LatencyTable:
    """The table in a file.

    Raises:
        InputError: There is no such file, or it is no such table.
    """
    try:
        stamp = path.stat().st_mtime_ns, path.stat().st_size
    except (OSError, ValueError) as error:  # the text may be no valid path
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"can't be read: {why} (qnas profile writes a table)", str(path)) from None
    return _read(path, stamp)


@functools.lru_cache(maxsize=16)
def _read(path: Path, _: object) -> LatencyTable:
    try:
        data = json.loads(path.read_bytes())
        if data["latencies"] != FORM:
            raise InputError(f"is a table of another version of qnas (form {data['latencies']})", str(path))
        return LatencyTable(
            Setting.read(data["setting"]),
            str(data["frame"]),
            str(data["space"]),
            [{key: float(value) for key, value in row.items()} for row in data["networks"]],
            int(data["planned"]),
            _fit(data) if "constant_ns" in data else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("is no table of latencies, as qnas profile writes them", str(path)) from None


def _fit(data: Mapping[str, Any]) -> Fit:
    candidates = {str(name): int(value) for name, value in data["candidates_ns"].items()}
    constant, error = int(data["constant_ns"]), data["error"]
    if min(constant, *candidates.values(), 0) < 0:
        raise ValueError("a time is negative")
    return Fit(constant, candidates, None if error is None else float(error))
