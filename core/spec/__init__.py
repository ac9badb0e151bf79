"""The spec of a run, and how it is read from YAML."""

from qnas.core.images.settings import Data
from qnas.core.spec.document import Assignment
from qnas.core.spec.load import SpecFile, dump_spec, load_spec, open_spec, read_spec
from qnas.core.spec.spec import QuantizerChoice, Spec
from qnas.core.training.settings import Training

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
