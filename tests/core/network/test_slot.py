import pytest
import torch

from qnas.core.network import Slot


def test_open_slot_has_no_parameters_and_refuses_to_run():
    slot = Slot("body", 3, 5)
    assert not list(slot.parameters())
    with pytest.raises(RuntimeError, match="is open: fill the network first"):
        slot(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("activation", "signed", "expected"),
    [("relu", None, False), ("none", None, True), ("none", False, False), ("relu", True, True)],
)
def test_input_is_signed_without_an_activation_unless_the_space_says_otherwise(activation, signed, expected):
    assert Slot("body", 3, 5, activation=activation, signed=signed).shape.signed is expected
