"""What can be plugged in: one interface a file."""

from qnas.core.components.bits import FLOAT, FLOAT_BITS, Bits, Widths
from qnas.core.components.component import Component
from qnas.core.components.cost import ConvolutionShape, Cost
from qnas.core.components.dataset import Dataset, Pixels, SourceImage
from qnas.core.components.operation import Activation, Layers, Operation, Size, SlotShape
from qnas.core.components.quantizer import (
    FakeQuantizer,
    Grid,
    Mixture,
    Quantizer,
    Unquantized,
    WeightedSum,
    integer_range,
)
from qnas.core.components.regularizer import Regularizer, SearchState
from qnas.core.components.report import Report
from qnas.core.components.residual import Residual
from qnas.core.components.searcher import Searcher
from qnas.core.components.settings import Frozen, FrozenDict, Settings, invalid
from qnas.core.components.space import Space

__all__ = [
    "FLOAT",
    "FLOAT_BITS",
    "Activation",
    "Bits",
    "Component",
    "ConvolutionShape",
    "Cost",
    "Dataset",
    "FakeQuantizer",
    "Frozen",
    "FrozenDict",
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
    "Settings",
    "Size",
    "SlotShape",
    "SourceImage",
    "Space",
    "Unquantized",
    "WeightedSum",
    "Widths",
    "integer_range",
    "invalid",
]
