"""qnas: searches for quantized super-resolution networks, operations and bit-widths together, by gradient.

The public names, which are what a plugin needs, are imported when they are first used, so that ``import qnas`` and
``qnas --help`` are quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.core.components import (
        Activation,
        Block,
        ConvolutionShape,
        Cost,
        Dataset,
        FakeQuantizer,
        Grid,
        Layers,
        Mixture,
        Operation,
        Pixels,
        Quantizer,
        Regularizer,
        Report,
        Residual,
        Searcher,
        SearchState,
        SlotShape,
        SourceImage,
        Space,
        integer_range,
        invalid,
    )
    from qnas.core.engine import RunFolder
    from qnas.core.engine.search import SearchOutcome, SearchTask
    from qnas.core.errors import InputError
    from qnas.core.network import Architecture, Slot
    from qnas.core.registry import Register, hookimpl
    from qnas.core.spec import Spec

__version__ = "0.1.0"

_NAMES = {
    "qnas.core.components": (
        "Activation",
        "Block",
        "ConvolutionShape",
        "Cost",
        "Dataset",
        "FakeQuantizer",
        "Grid",
        "Layers",
        "Mixture",
        "Operation",
        "Pixels",
        "Quantizer",
        "Regularizer",
        "Report",
        "Residual",
        "SearchState",
        "Searcher",
        "SlotShape",
        "SourceImage",
        "Space",
        "integer_range",
        "invalid",
    ),
    "qnas.core.engine": ("RunFolder",),
    "qnas.core.engine.search": ("SearchOutcome", "SearchTask"),
    "qnas.core.errors": ("InputError",),
    "qnas.core.network": ("Architecture", "Slot"),
    "qnas.core.registry": ("Register", "hookimpl"),
    "qnas.core.spec": ("Spec",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "Activation",
    "Architecture",
    "Block",
    "ConvolutionShape",
    "Cost",
    "Dataset",
    "FakeQuantizer",
    "Grid",
    "InputError",
    "Layers",
    "Mixture",
    "Operation",
    "Pixels",
    "Quantizer",
    "Register",
    "Regularizer",
    "Report",
    "Residual",
    "RunFolder",
    "SearchOutcome",
    "SearchState",
    "SearchTask",
    "Searcher",
    "Slot",
    "SlotShape",
    "SourceImage",
    "Space",
    "Spec",
    "hookimpl",
    "integer_range",
    "invalid",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qnas' has no attribute '{name}'")
