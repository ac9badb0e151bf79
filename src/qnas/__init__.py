"""qnas: searches for quantized super-resolution networks, operations and bit-widths together, by gradient.

The public names are imported when they are first used, so that ``import qnas`` and ``qnas --help`` are quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.core.components import (
        Block,
        Cost,
        Dataset,
        Operation,
        Quantizer,
        Regularizer,
        Report,
        Residual,
        Searcher,
        Space,
    )
    from qnas.core.network import Architecture, Slot
    from qnas.core.registry import hookimpl
    from qnas.core.spec import Spec

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(
        (
            "Block",
            "Cost",
            "Dataset",
            "Operation",
            "Quantizer",
            "Regularizer",
            "Report",
            "Residual",
            "Searcher",
            "Space",
        ),
        "qnas.core.components",
    ),
    "Architecture": "qnas.core.network",
    "Slot": "qnas.core.network",
    "Spec": "qnas.core.spec",
    "hookimpl": "qnas.core.registry",
}

__all__ = [
    "Architecture",
    "Block",
    "Cost",
    "Dataset",
    "Operation",
    "Quantizer",
    "Regularizer",
    "Report",
    "Residual",
    "Searcher",
    "Slot",
    "Space",
    "Spec",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qnas' has no attribute '{name}'")
