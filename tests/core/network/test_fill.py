from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import (
    FilledSlot,
    Slot,
    Supernet,
    build_found,
    fill,
    find_slots,
    inherit_weights,
    slot_candidates,
)

NONE = Quantizer.of("none")
RICH = {
    "name": "basic",
    "channels": 6,
    "cells": 2,
    "bits": [4, [4, 8]],
    "operations": {
        "body": ["conv3x3", "conv5x1-1x5", "separable3x3", "growth3x3", "narrow1x1", "depthwise5x5", "identity"],
        "skip": ["conv1x1", "identity", {"name": "conv", "kernel": 3, "groups": 2, "dilation": 2}],
    },
}


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


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("residual", ["plain", "adq", "adadm"])
def test_found_network_with_inherited_weights_is_the_supernet_at_one_hot(seed, residual, choose):
    torch.manual_seed(seed)
    space = Space.of({**RICH, "residual": residual, "variant": "AB"[seed % 2]})
    supernet = Supernet(space, 2, NONE).double().eval()
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after some training
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
    chosen = choose(supernet.candidates, seed)
    found = build_found(space, 2, chosen, NONE).double().eval()
    inherit_weights(found, supernet.network, chosen)
    image = torch.rand(1, 3, 7, 9, dtype=torch.float64)
    expected = supernet(image, supernet.one_hot(chosen))
    torch.testing.assert_close(found(image), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("searched_with", ["noise", "lsq"])
def test_inherited_weights_leave_the_quantizers_their_own_state(searched_with, choose):
    torch.manual_seed(0)
    space, lsq = Space.of(RICH), Quantizer.of("lsq")
    supernet = Supernet(space, 2, Quantizer.of(searched_with))
    with torch.no_grad():
        for weight in supernet.weights():
            weight.add_(0.1)  # as if trained: biases start at zero in both
    chosen = choose(supernet.candidates, 1)
    found = build_found(space, 2, chosen, lsq)
    before = {name: p.clone() for name, p in found.named_parameters()}
    inherit_weights(found, supernet.network, chosen)
    for name, parameter in found.named_parameters():
        if "quantizer" in name:
            assert torch.equal(parameter, before[name])
        elif name.endswith(("weight", "bias")) and "norm" not in name:
            assert not torch.equal(parameter, before[name])
