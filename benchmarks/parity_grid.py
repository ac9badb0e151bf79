"""The grid of benchmarks/parity.py: which network, at which scale, leaves PyTorch for which runtime."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

from parity_networks import networks

from qnas.core.components import Space, Target

SCALES = (2, 3, 4)
BFLOAT16: Final = "openvino-bf16"
"""OpenVINO in bfloat16: what it does to the images is shown, but need not be proven."""
WAYS = (
    *(("onnxruntime", None), ("openvino", None), (BFLOAT16, None), ("qonnx", None), ("tensorrt", None)),
    *(("onnxruntime", 8), ("litert", 8)),
)
"""Targets, and the width of what stands between the slots."""
_SETTINGS: Mapping[str, Mapping[str, Any]] = {BFLOAT16: {"name": "openvino", "precision": "bf16"}}


def target_of(name: str) -> Target:
    """The target that a way names."""
    return Target.of(_SETTINGS.get(name, name))


@dataclass(frozen=True)
class Case:
    """A network at a scale, and where it is to run."""

    network: str
    scale: int
    target: str
    between: int | None

    @property
    def name(self) -> str:
        """By which it is chosen, such as ``rfdn/4/onnxruntime/8``, with the width of what stands between at the end."""
        return "/".join(str(part) for part in asdict(self).values() if part is not None)

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is about it."""
        return all(row[key] == value for key, value in asdict(self).items())


def cases() -> Iterator[Case]:
    """The grid, network by network; those of a trained network follow each other."""
    for (network, fields), scale in product(networks().items(), SCALES):
        if scale in Space.of(fields).scales:
            for target, between in WAYS:
                yield Case(network, scale, target, between)
