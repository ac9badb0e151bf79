"""What can be plugged in: one interface a file."""

from qnas.core.components.activation import Activation, is_signed, make_activation
from qnas.core.components.block import Block, Count
from qnas.core.components.component import Component
from qnas.core.components.cost import ConvolutionShape, Cost, Part, by_key, costs_with
from qnas.core.components.dataset import Dataset, ImageSizes, ImageSource, Pixels, SourceImage
from qnas.core.components.degradation import Degradation
from qnas.core.components.moments import Moments
from qnas.core.components.operation import (
    ConvShape,
    Layers,
    Operation,
    Original,
    PaddingMode,
    Pair,
    Size,
    SlotShape,
    keeps_size,
    same_padding,
)
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
from qnas.core.components.rules import Offer, SlotRule, path_matches
from qnas.core.components.space import Space
from qnas.core.components.statistic import ImageStatistic, freeze_statistics, measuring

__all__ = [
    "Activation",
    "Block",
    "Component",
    "ConvShape",
    "ConvolutionShape",
    "Cost",
    "Count",
    "Dataset",
    "Degradation",
    "FakeQuantizer",
    "Grid",
    "ImageSizes",
    "ImageSource",
    "ImageStatistic",
    "Layers",
    "Mixture",
    "Moments",
    "Offer",
    "Operation",
    "Original",
    "PaddingMode",
    "Pair",
    "Part",
    "Pixels",
    "Quantizer",
    "Regularizer",
    "Report",
    "Residual",
    "SearchState",
    "Size",
    "SlotRule",
    "SlotShape",
    "SourceImage",
    "Space",
    "Unquantized",
    "WeightedSum",
    "by_key",
    "costs_with",
    "freeze_statistics",
    "integer_range",
    "is_signed",
    "keeps_size",
    "make_activation",
    "measuring",
    "path_matches",
    "same_padding",
]
