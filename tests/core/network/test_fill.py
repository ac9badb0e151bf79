from collections.abc import Mapping
from typing import ClassVar

import pytest
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import (
    FilledSlot,
    Slot,
    build_found,
    fill,
    find_slots,
    slot_candidates,
)

from .conftest import RICH

NONE = Quantizer.of("none")


def tail_space(*names, **slot):
    """A space of one slot in a role of its own, with these candidates."""

    class OneSlot(Space):
        defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": names}

        def build(self, scale: int) -> nn.Module:
            del scale
            return nn.Sequential(Slot("body", **{"in_channels": 3, "out_channels": 3, **slot}))

    return OneSlot(name="basic")


def test_fill_puts_into_each_slot_what_was_chosen_for_its_path():
    network = nn.Sequential(Slot("head", 3, 4), nn.ReLU(), nn.ModuleDict({"deep": Slot("body", 4, 4)}))
    assert list(find_slots(network)) == ["0", "2.deep"]
    asked = []
    filled = fill(network, lambda path, shape: asked.append((path, shape.role)) or nn.Identity())
    assert filled is network
    assert asked == [("0", "head"), ("2.deep", "body")]
    assert not find_slots(network)


def test_found_network_has_one_filled_slot_for_each_choice():
    space = Space.of(RICH)
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    network = build_found(space, 2, chosen, NONE)
    assert [p for p, m in network.named_modules() if isinstance(m, FilledSlot)] == list(chosen)
    assert not find_slots(network)


def test_a_scale_that_the_space_cannot_do_is_an_input_error():
    with pytest.raises(InputError, match=r"can't do scale 5 \(it can do: 2, 3, 4\)"):
        slot_candidates(Space.of("basic"), 5)


@pytest.mark.parametrize(
    ("names", "slot", "message"),
    [
        (("conv3x3", "identity"), {"out_channels": 6}, r"'identity' can't live in slot '0': .* these fit: conv3x3\)"),
        (
            ("conv3x3g2",),
            {},
            r"'conv3x3g2' can't live in slot '0': 2 groups don't divide 3 -> 3 channels \(these fit: conv, conv1x1, ",
        ),
    ],
)
def test_an_operation_that_does_not_fit_is_named_with_its_slot_and_with_those_that_do(names, slot, message):
    with pytest.raises(InputError, match=message):
        slot_candidates(tail_space(*names, **slot), 2)
