"""Slots and their contents: the quantized convolution, the mixed slot, the supernet, the architecture."""

from qnas.core.network.candidate import Candidate, candidates_of, grid, originals
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d, QuantizedLayers
from qnas.core.network.counting.convolutions import (
    LR_SIZE,
    CostTable,
    NetworkCount,
    SpaceCount,
    convolutions,
    count_choices,
    count_found,
    count_network,
    count_space,
)
from qnas.core.network.counting.float_work import FloatWork, float_work_of
from qnas.core.network.dry_run import guard, refuse_broken, refuse_size
from qnas.core.network.fill import (
    Form,
    build_found,
    build_mixed,
    build_original,
    fill,
    fill_natively,
    find_shapes,
    find_slots,
    open_network,
    refuse_scale,
    slot_candidates,
)
from qnas.core.network.found.architecture import Architecture, Choice
from qnas.core.network.found.inheritance import ancestors, inherit_weights
from qnas.core.network.found.transfer import take_weights
from qnas.core.network.gain import Gain
from qnas.core.network.joint import Joint
from qnas.core.network.joints.between import fill_joints
from qnas.core.network.mixing.mixed import MergedSlot, MixedSlot, PlainSlot
from qnas.core.network.open_module import Survey, open_slots, survey
from qnas.core.network.sharing import count_networks, leaders
from qnas.core.network.slot import FilledSlot, Slot
from qnas.core.network.supernet import Supernet, Tie, one_hot, uniform

__all__ = [
    "LR_SIZE",
    "Architecture",
    "Candidate",
    "Choice",
    "CostTable",
    "FilledSlot",
    "FloatWork",
    "Form",
    "Gain",
    "Joint",
    "MergedSlot",
    "MixedSlot",
    "NetworkCount",
    "PlainSlot",
    "QuantizedActivation",
    "QuantizedConv2d",
    "QuantizedLayers",
    "Slot",
    "SpaceCount",
    "Supernet",
    "Survey",
    "Tie",
    "ancestors",
    "build_found",
    "build_mixed",
    "build_original",
    "candidates_of",
    "convolutions",
    "count_choices",
    "count_found",
    "count_network",
    "count_networks",
    "count_space",
    "fill",
    "fill_joints",
    "fill_natively",
    "find_shapes",
    "find_slots",
    "float_work_of",
    "grid",
    "guard",
    "inherit_weights",
    "leaders",
    "one_hot",
    "open_network",
    "open_slots",
    "originals",
    "refuse_broken",
    "refuse_scale",
    "refuse_size",
    "slot_candidates",
    "survey",
    "take_weights",
    "uniform",
]
