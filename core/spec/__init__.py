"""The spec of a run, and how it is read from YAML."""

from qnas.core.spec.load import dump_spec, load_spec
from qnas.core.spec.spec import Data, QuantizerChoice, Spec, Training

__all__ = ["Data", "QuantizerChoice", "Spec", "Training", "dump_spec", "load_spec"]
