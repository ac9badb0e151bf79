"""The spec: what a run is, read from YAML with positions.

Validating one loads torch, reading the plain data of one does not: names are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.core.images.settings import Data
    from qnas.core.spec.document import Assignment
    from qnas.core.spec.load import SpecFile, dump_spec, load_spec, open_spec, read_spec
    from qnas.core.spec.spec import QuantizerChoice, Spec
    from qnas.core.training.settings import Training

_HOMES = {
    "Assignment": "spec.document",
    "Data": "images.settings",
    "QuantizerChoice": "spec.spec",
    "Spec": "spec.spec",
    "SpecFile": "spec.load",
    "Training": "training.settings",
    "dump_spec": "spec.load",
    "load_spec": "spec.load",
    "open_spec": "spec.load",
    "read_spec": "spec.load",
}

__all__ = [
    "Assignment",
    "Data",
    "QuantizerChoice",
    "Spec",
    "SpecFile",
    "Training",
    "dump_spec",
    "load_spec",
    "open_spec",
    "read_spec",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"qnas.core.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'qnas.core.spec' has no attribute '{name}'")
