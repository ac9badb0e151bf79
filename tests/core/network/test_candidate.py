import torch

from qnas.core.components import Operation, Quantizer, SlotShape
from qnas.core.network import Candidate, grid
from qnas.core.settings import Widths

CONV, IDENTITY = Operation.of("conv3x3"), Operation.of("identity")


def test_grid_goes_operation_by_operation_and_holds_an_unquantized_one_once():
    widths = [Widths(4, 4), Widths(4, 8)]
    labels = [candidate.label for candidate in grid([CONV, IDENTITY, Operation.of("conv1x1")], widths)]
    assert labels == ["conv3x3 @ 4", "conv3x3 @ 4/8", "identity", "conv1x1 @ 4", "conv1x1 @ 4/8"]


def test_filled_slot_quantizes_its_input_once_activated():
    torch.manual_seed(0)
    filled = Candidate(CONV, Widths(8, 2)).fill(SlotShape("body", 3, 3), Quantizer.of("lsq"))
    seen = []
    filled.operation.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    filled(torch.randn(1, 3, 9, 9))
    assert len(seen[0].unique()) == 4
    assert seen[0].min() == 0


def test_unquantized_operation_sees_the_raw_input():
    filled = Candidate(IDENTITY, None).fill(SlotShape("body", 3, 3), Quantizer.of("lsq"))
    features = torch.randn(1, 3, 4, 4)
    assert torch.equal(filled(features), features)
    assert not list(filled.parameters())


def test_an_original_identity_has_no_bits_to_choose():
    shape = SlotShape("body", 3, 3, native="identity")
    assert [c.label for c in grid([Operation.of("native"), CONV], [Widths(4, 4), Widths(8, 8)], shape)] == [
        "native",
        f"{CONV.label} @ 4",
        f"{CONV.label} @ 8",
    ]
