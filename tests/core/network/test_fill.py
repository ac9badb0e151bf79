from collections.abc import Mapping
from typing import ClassVar, get_args

import pytest
from torch import nn

from qnas.core.components import Cost, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import (
    FilledSlot,
    Form,
    Slot,
    build_found,
    build_mixed,
    count_found,
    count_space,
    fill,
    find_slots,
    one_hot,
    slot_candidates,
)

from .conftest import RICH

NONE = Quantizer.of("none")


def tail_space(*names, **slot):
    """A space of one slot, in its own role, with these candidates."""

    class OneSlot(Space):
        defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": names}

        def build(self, scale: int) -> nn.Module:
            del scale
            return nn.Sequential(Slot("body", **{"in_channels": 3, "out_channels": 3, **slot}))

    return OneSlot(name="basic")


def test_a_space_without_biases_has_none_in_any_life():
    space = Space.of({**RICH, "bias": False})
    chosen = {path: options[-1] for path, options in slot_candidates(space, 2).items()}
    networks = [build_found(space, 2, chosen, NONE), *(build_mixed(space, 2, NONE, form) for form in get_args(Form))]
    for network in networks:
        assert not [name for name, _ in network.named_parameters() if name.endswith("bias") and ".norm." not in name]
    with_bias = Space.of(RICH)
    counts = [total_params(s, chosen) for s in (space, with_bias)]
    biases = sum(c.out_channels for c in count_found(with_bias, 2, chosen, NONE))
    assert counts[1] - counts[0] == biases > 0
    by_table = [count_space(s, 2, NONE).table(Cost.of("params")) for s in (space, with_bias)]
    rows = one_hot(slot_candidates(space, 2), chosen)
    assert [int(table.expected(rows)) for table in by_table] == counts


def total_params(space, chosen):
    return sum(map(Cost.of("params").of_convolution, count_found(space, 2, chosen, NONE)))


def test_biases_that_a_slot_starts_from_are_not_dropped():
    class Given(Space):
        defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("native",)}

        def build(self, scale: int) -> nn.Module:
            del scale
            given = nn.Conv2d(3, 3, 3)
            return nn.Sequential(Slot("body", 3, 3, weights={"weight": given.weight, "bias": given.bias}))

    assert list(slot_candidates(Given(name="basic"), 2)) == ["0"]
    with pytest.raises(InputError, match="the slot '0' starts from weights that have a bias") as raised:
        slot_candidates(Given(name="basic", bias=False), 2)
    assert raised.value.field == ("bias",)


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
