"""qnas: searches for quantized super-resolution networks, operations and bit-widths together, by gradient.

The public names, which are what plugins and their tests are written with, are imported when they are first used, so
that ``import qnas`` and ``qnas --help`` are quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.core.comparison import ComparisonReport
    from qnas.core.components import (
        Activation,
        Block,
        Component,
        ConvolutionShape,
        Cost,
        Dataset,
        Degradation,
        FakeQuantizer,
        Grid,
        ImageSizes,
        ImageSource,
        ImageStatistic,
        Layers,
        Mixture,
        Moments,
        Operation,
        Part,
        Pixels,
        Quantizer,
        Regularizer,
        Report,
        Residual,
        SearchState,
        SlotShape,
        SourceImage,
        Space,
        integer_range,
        make_activation,
    )
    from qnas.core.deprecation import QnasDeprecationWarning
    from qnas.core.errors import InputError, QnasWarning
    from qnas.core.files.folder import RunFolder
    from qnas.core.files.state import State
    from qnas.core.images.pairs import ImagePair
    from qnas.core.images.patches import Batch, PatchSampler
    from qnas.core.network import (
        Architecture,
        Candidate,
        CostTable,
        Form,
        NetworkCount,
        QuantizedLayers,
        Slot,
        Supernet,
        Tie,
        build_found,
        convolutions,
        count_choices,
        count_found,
        find_slots,
        one_hot,
        slot_candidates,
    )
    from qnas.core.network.calibration import calibrate_for_training
    from qnas.core.registry import Register, hookimpl
    from qnas.core.settings import FLOAT, FLOAT_BITS, Amount, Widths, invalid
    from qnas.core.spec import Spec
    from qnas.core.training.checkpoints import Checkpoints
    from qnas.core.training.divergence import Diverged
    from qnas.core.training.journal import Journal
    from qnas.core.training.loop import Loop
    from qnas.core.training.machine import Machine
    from qnas.core.training.optimizer import OwnRates, adam
    from qnas.core.training.outcome import SearchOutcome
    from qnas.core.training.prices import Prices
    from qnas.core.training.schedule import Schedule
    from qnas.core.training.search_images import SearchImages
    from qnas.core.training.searcher import Searcher
    from qnas.core.training.settings import OnDivergence
    from qnas.core.training.step import WeightStep, batch_loss
    from qnas.core.training.task import SearchTask
    from qnas.core.training.trainer import Trained, Trainer

__version__ = "0.1.0"

_NAMES = {
    "qnas.core.comparison": ("ComparisonReport",),
    "qnas.core.components": (
        "Activation",
        "Block",
        "Component",
        "ConvolutionShape",
        "Cost",
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
        "Operation",
        "Part",
        "Pixels",
        "Quantizer",
        "Regularizer",
        "Report",
        "Residual",
        "SearchState",
        "SlotShape",
        "SourceImage",
        "Space",
        "integer_range",
        "make_activation",
    ),
    "qnas.core.deprecation": ("QnasDeprecationWarning",),
    "qnas.core.errors": (
        "InputError",
        "QnasWarning",
    ),
    "qnas.core.files.folder": ("RunFolder",),
    "qnas.core.files.state": ("State",),
    "qnas.core.images.pairs": ("ImagePair",),
    "qnas.core.images.patches": (
        "Batch",
        "PatchSampler",
    ),
    "qnas.core.network": (
        "Architecture",
        "Candidate",
        "CostTable",
        "Form",
        "NetworkCount",
        "QuantizedLayers",
        "Slot",
        "Supernet",
        "Tie",
        "build_found",
        "convolutions",
        "count_choices",
        "count_found",
        "find_slots",
        "one_hot",
        "slot_candidates",
    ),
    "qnas.core.network.calibration": ("calibrate_for_training",),
    "qnas.core.registry": (
        "Register",
        "hookimpl",
    ),
    "qnas.core.settings": (
        "Amount",
        "FLOAT",
        "FLOAT_BITS",
        "Widths",
        "invalid",
    ),
    "qnas.core.spec": ("Spec",),
    "qnas.core.training.checkpoints": ("Checkpoints",),
    "qnas.core.training.divergence": ("Diverged",),
    "qnas.core.training.journal": ("Journal",),
    "qnas.core.training.loop": ("Loop",),
    "qnas.core.training.machine": ("Machine",),
    "qnas.core.training.optimizer": (
        "OwnRates",
        "adam",
    ),
    "qnas.core.training.outcome": ("SearchOutcome",),
    "qnas.core.training.prices": ("Prices",),
    "qnas.core.training.schedule": ("Schedule",),
    "qnas.core.training.search_images": ("SearchImages",),
    "qnas.core.training.searcher": ("Searcher",),
    "qnas.core.training.settings": ("OnDivergence",),
    "qnas.core.training.step": (
        "WeightStep",
        "batch_loss",
    ),
    "qnas.core.training.task": ("SearchTask",),
    "qnas.core.training.trainer": (
        "Trained",
        "Trainer",
    ),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "FLOAT",
    "FLOAT_BITS",
    "Activation",
    "Amount",
    "Architecture",
    "Batch",
    "Block",
    "Candidate",
    "Checkpoints",
    "ComparisonReport",
    "Component",
    "ConvolutionShape",
    "Cost",
    "CostTable",
    "Dataset",
    "Degradation",
    "Diverged",
    "FakeQuantizer",
    "Form",
    "Grid",
    "ImagePair",
    "ImageSizes",
    "ImageSource",
    "ImageStatistic",
    "InputError",
    "Journal",
    "Layers",
    "Loop",
    "Machine",
    "Mixture",
    "Moments",
    "NetworkCount",
    "OnDivergence",
    "Operation",
    "OwnRates",
    "Part",
    "PatchSampler",
    "Pixels",
    "Prices",
    "QnasDeprecationWarning",
    "QnasWarning",
    "QuantizedLayers",
    "Quantizer",
    "Register",
    "Regularizer",
    "Report",
    "Residual",
    "RunFolder",
    "Schedule",
    "SearchImages",
    "SearchOutcome",
    "SearchState",
    "SearchTask",
    "Searcher",
    "Slot",
    "SlotShape",
    "SourceImage",
    "Space",
    "Spec",
    "State",
    "Supernet",
    "Tie",
    "Trained",
    "Trainer",
    "WeightStep",
    "Widths",
    "adam",
    "batch_loss",
    "build_found",
    "calibrate_for_training",
    "convolutions",
    "count_choices",
    "count_found",
    "find_slots",
    "hookimpl",
    "integer_range",
    "invalid",
    "make_activation",
    "one_hot",
    "slot_candidates",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'qnas' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
