import pytest
import torch

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import Candidate
from qnas.core.settings import Widths


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (SlotShape("body", 6, 6), ""),
        (SlotShape("body", 6, 12), "it keeps channels and size, the slot has 6 -> 12 channels"),
        (SlotShape("body", 6, 6, 2), "it keeps channels and size, the slot has 6 -> 6 channels and stride 2"),
    ],
)
def test_identity_fits_only_where_nothing_changes(shape, reason):
    assert Operation.of("identity").unfit(shape) == reason


@pytest.mark.parametrize("native", ["conv1x1", "conv5x5g3", "growth3x3"])
def test_native_is_the_operation_that_the_slot_names(native):
    shape = SlotShape("body", 6, 6, native=native)
    outputs = []
    for name in ("native", native):
        torch.manual_seed(0)
        module = Candidate(Operation.of(name), Widths(4, 4)).fill(shape, Quantizer.of("lsq"))
        outputs.append(module(torch.rand(1, 6, 5, 5)))
    assert torch.equal(*outputs)


def test_native_does_not_fit_where_what_it_names_does_not():
    reason = Operation.of("native").unfit(SlotShape("body", 4, 4, native="conv3x3g3"))
    assert reason == "3 groups don't divide 4 -> 4 channels"
