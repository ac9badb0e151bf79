"""Costs: the expected cost at one-hot probabilities equals the found network's count, and both equal sums by hand."""

import itertools
from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import nn

from qnas.core.components import Cost, Operation, Quantizer, Space
from qnas.core.errors import QnasError
from qnas.core.network import (
    Candidate,
    Slot,
    build_found,
    convolutions,
    count_choices,
    count_found,
    count_space,
    one_hot,
    slot_candidates,
    uniform,
)
from qnas.core.settings import Widths

LSQ, NONE = Quantizer.of("lsq"), Quantizer.of("none")
BITOPS, MACS, PARAMS, SIZE = COSTS = [Cost.of(name) for name in ("bitops", "macs", "params", "size")]
FLOAT_LAYER = 32 * 32


class SmallSpace(Space):
    """Two slots, the second at full resolution, and a fixed convolution between."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "head": ("conv3x3", "conv5x5g3", "separable3x3"),
        "tail": ("conv1x1", "identity", "growth3x3"),
    }

    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(
            Slot("head", 3, 12, activation="none", signed=False),
            nn.Conv2d(12, 3 * scale**2, 3, padding=1, bias=False),
            nn.PixelShuffle(scale),
            Slot("tail", 3, 3),
        )


SMALL = SmallSpace(bits=((4, 8), 8))


def total(convolutions, cost):
    return sum(map(cost.of_convolution, convolutions))


def basic(**fields):
    return Space.of(
        {
            "name": "basic",
            "channels": 6,
            "cells": 2,
            "bits": [[4, 8], 4, 8, 32],
            "operations": {
                "body": ["conv3x3", "conv5x1-1x5", "separable3x3", "growth3x3", "narrow1x1", "identity"],
                "skip": ["conv1x1", "depthwise3x3", "identity"],
            },
            **fields,
        }
    )


@pytest.mark.parametrize("variant", ["A", "B"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_expected_cost_at_one_hot_is_that_of_the_found_network_for_every_candidate(variant, scale, choose):
    space = basic(variant=variant)
    candidates = slot_candidates(space, scale)
    count = count_space(space, scale, LSQ)
    tables = [count.table(cost) for cost in COSTS]
    most = max(map(len, candidates.values()))
    every = [{path: options[i % len(options)] for path, options in candidates.items()} for i in range(most)]
    for chosen in [*every, *(choose(candidates, seed) for seed in range(5))]:
        found = count_choices(space, scale, chosen, LSQ)
        for cost, table in zip(COSTS, tables, strict=True):
            assert table.expected(one_hot(candidates, chosen)).item() == found.total(cost)


@pytest.mark.parametrize("size", [(32, 32), (33, 17), (256, 256)])
def test_expected_cost_is_exact_at_any_size_with_fixed_layers(size):
    candidates = slot_candidates(SMALL, 2)
    tables = [count_space(SMALL, 2, LSQ, size).table(cost) for cost in COSTS]
    for choice in itertools.product(*candidates.values()):
        chosen = dict(zip(candidates, choice, strict=True))
        for cost, table in zip(COSTS, tables, strict=True):
            found = count_choices(SMALL, 2, chosen, LSQ, size).total(cost)
            assert table.expected(one_hot(candidates, chosen)).item() == found


def test_found_network_costs_what_a_sum_by_hand_says():
    chosen = {
        "0": Candidate(Operation.of("separable3x3"), Widths(4, 8)),
        "3": Candidate(Operation.of("growth3x3"), Widths(8, 8)),
    }
    found = count_found(SMALL, 2, chosen, LSQ)
    lr, hr = 32 * 32, 64 * 64
    macs = [
        9 * 3 * lr,  # depthwise, 3 groups
        1 * 3 * 12 * lr,
        9 * 12 * 12 * lr,  # fixed, float
        9 * 3 * 6 * hr,
        9 * 6 * 3 * hr,
    ]
    assert [c.macs for c in found] == macs
    assert total(found, MACS) == sum(macs)
    by_bits = [4 * 8, 4 * 8, FLOAT_LAYER, 8 * 8, 8 * 8]
    assert total(found, BITOPS) == sum(m * b for m, b in zip(macs, by_bits, strict=True))
    assert total(found, PARAMS) == (9 * 3 + 3) + (3 * 12 + 12) + 9 * 12 * 12 + (9 * 3 * 6 + 6) + (9 * 6 * 3 + 3)


def test_basic_space_at_uniform_4_bits_costs_what_its_definition_says():
    """Channels c; all convolutions but the skips are 3 x 3, at LR 32 x 32 and scale 4."""
    c, lr, hr = 36, 32 * 32, 128 * 128
    space = Space.of({"name": "basic", "bits": [4]})
    skip, others = (Candidate(Operation.of(name), Widths(4, 4)) for name in ("conv1x1", "conv3x3"))
    chosen = {path: skip if path.endswith("skip") else others for path in slot_candidates(space, 4)}
    cell = 2 * 9 * c * c + c * c
    expected = 16 * ((9 * 3 * c + 9 * c * c + 3 * cell + 9 * c * 48) * lr + 2 * 9 * 3 * 3 * hr)
    assert total(count_found(space, 4, chosen, LSQ), BITOPS) == expected


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_what_a_real_forward_pass_runs(seed, choose):
    """An independent oracle: hooks on a network with values, and the widths of the candidate that fills the slot."""
    space = basic()
    chosen = choose(slot_candidates(space, 2), seed)
    network = build_found(space, 2, chosen, LSQ).eval()
    bitops = []

    def note(module, inputs, output):
        (path,) = [p for p in chosen if paths[module].startswith(f"{p}.")]
        per_output = module.weight[0].numel()
        bitops.append(output[0].numel() * per_output * chosen[path].widths.weight * chosen[path].widths.activation)

    paths = {module: path for path, module in network.named_modules()}
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    network(torch.rand(1, 3, 20, 14))
    assert total(count_found(space, 2, chosen, LSQ, (20, 14)), BITOPS) == sum(bitops)
    parameters = sum(p.numel() for m in network.modules() if isinstance(m, nn.Conv2d) for p in (m.weight, m.bias))
    assert total(count_found(space, 2, chosen, LSQ), PARAMS) == parameters


def test_expected_cost_at_equal_shares_is_the_mean_over_all_networks_between_the_extremes():
    candidates = slot_candidates(SMALL, 3)
    table = count_space(SMALL, 3, LSQ).table(BITOPS)
    costs = [
        total(count_found(SMALL, 3, dict(zip(candidates, choice, strict=True)), LSQ), BITOPS)
        for choice in itertools.product(*candidates.values())
    ]
    assert table.expected(uniform(candidates)).item() == pytest.approx(sum(costs) / len(costs), rel=1e-6)
    assert (table.lowest, table.highest) == (min(costs), max(costs))


def test_gradient_of_expected_cost_is_the_price_of_each_candidate():
    candidates = slot_candidates(SMALL, 2)
    count = count_space(SMALL, 2, LSQ)
    table = count.table(BITOPS)
    rows = uniform(candidates).requires_grad_()
    table.expected(rows).backward()
    for row, gradient, options in zip(table.slots, rows.grad, candidates.values(), strict=True):
        assert row.float().tolist() == gradient.tolist()
        assert (row[len(options) :] == 0).all()
    identity = [c.operation.name for c in candidates["3"]].index("identity")
    assert table.slots[1, identity] == 0


def test_without_quantization_every_layer_counts_as_float():
    chosen = {path: options[0] for path, options in slot_candidates(SMALL, 2).items()}
    found = count_found(SMALL, 2, chosen, NONE)
    assert total(found, BITOPS) == FLOAT_LAYER * total(found, MACS)
    table = count_space(SMALL, 2, NONE).table(BITOPS)
    assert table.expected(one_hot(slot_candidates(SMALL, 2), chosen)).item() == total(found, BITOPS)


class StridedSpace(Space):
    """Slots that shrink the image, at sizes that the stride does not divide."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3", "conv5x1-1x5", "growth1x1")}

    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(
            Slot("body", 3, 6, stride=2), Slot("body", 6, 3 * scale**2, stride=3), nn.PixelShuffle(scale)
        )


def test_strided_slots_are_counted_at_their_real_sizes():
    space = StridedSpace(bits=(4,))
    candidates = slot_candidates(space, 2)
    table = count_space(space, 2, LSQ, (13, 20)).table(MACS)
    for choice in itertools.product(*candidates.values()):
        chosen = dict(zip(candidates, choice, strict=True))
        found = count_found(space, 2, chosen, LSQ, (13, 20))
        assert table.expected(one_hot(candidates, chosen)).item() == total(found, MACS)
        assert found[-1].output_size == (3, 4)


class RecursiveNetwork(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.slot = Slot("body", 3, 3)
        self.upsample = nn.Upsample(scale_factor=scale)

    def forward(self, image):
        return self.upsample(self.slot(self.slot(image)))


class RecursiveSpace(Space):
    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3",)}

    def build(self, scale: int) -> nn.Module:
        return RecursiveNetwork(scale)


def test_a_slot_that_runs_twice_is_counted_alike_while_searching_and_when_found():
    space = RecursiveSpace()
    candidates = slot_candidates(space, 2)
    chosen = {"slot": candidates["slot"][0]}
    expected = count_space(space, 2, LSQ).table(BITOPS).expected(one_hot(candidates, chosen))
    assert expected.item() == total(count_found(space, 2, chosen, LSQ), BITOPS)


def test_a_linear_layer_counts_as_the_1x1_convolution_that_it_is():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(3, 5)

        def forward(self, image):
            return self.mix(image.flatten(2).transpose(1, 2))

    with torch.device("meta"):
        (linear,) = convolutions(Tokens(), 3, (4, 6))
        (convolution,) = convolutions(nn.Conv2d(3, 5, 1), 3, (4, 6))
    for cost in COSTS:
        assert cost.of_convolution(linear) == cost.of_convolution(convolution)
    assert linear.path == "mix"


def test_a_slot_that_never_runs_is_named():
    class Unused(SmallSpace):
        def build(self, scale):
            network = super().build(scale)
            network[3].register_module("spare", Slot("tail", 3, 3))
            return network

    with pytest.raises(QnasError, match=r"the network never runs its slot '3\.spare'"):
        count_space(Unused(bits=(4,)), 2, LSQ)


def test_a_convolution_counts_for_each_image_that_it_runs_on():
    """A network that folds flipped copies into the batch."""

    class Copies(SmallSpace):
        def build(self, scale):
            network = super().build(scale)
            return nn.Sequential(network[0], Stack(), *network[1:], Mean())

    class Stack(nn.Module):
        def forward(self, x):
            return torch.cat([x, x.flip(2), x.flip(3)])

    class Mean(nn.Module):
        def forward(self, x):
            return x.unflatten(0, (3, -1)).mean(0)

    space = Copies(bits=(4,), operations={"head": ["conv3x3"], "tail": ["conv1x1"]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    macs = [1 * 9 * 3 * 12 * 32 * 32, 3 * 9 * 12 * 12 * 32 * 32, 3 * 3 * 3 * 64 * 64]
    assert total(count_found(space, 2, chosen, LSQ), MACS) == sum(macs)
    table = count_space(space, 2, LSQ).table(MACS)
    assert table.fixed == macs[1]
    assert table.slots[:, 0].tolist() == [macs[0], macs[2]]


def test_an_image_by_itself_counts_as_one_without_a_dimension_for_images():
    class OneByOne(nn.Sequential):
        def forward(self, images):
            return torch.stack([super(OneByOne, self).forward(image) for image in images])

    class Unbatched(SmallSpace):
        def build(self, scale):
            return OneByOne(*super().build(scale))

    space = Unbatched(bits=(4,))
    chosen = {path: options[-1] for path, options in slot_candidates(space, 2).items()}
    expected = total(count_found(SMALL, 2, chosen, LSQ), BITOPS)
    assert total(count_found(space, 2, chosen, LSQ), BITOPS) == expected
    table = count_space(space, 2, LSQ).table(BITOPS)
    assert int(table.expected(one_hot(slot_candidates(space, 2), chosen))) == expected


def test_counting_quantizes_nothing():
    """Only shapes are needed; fake quantization would be most of the work."""

    class Refusing(nn.Module):
        def forward(self, _):
            raise AssertionError("a quantizer ran")

    chosen = {path: options[0] for path, options in slot_candidates(SMALL, 2).items()}
    with torch.device("meta"):
        network = build_found(SMALL, 2, chosen, LSQ)
        for module in network.modules():
            for name in ("weight_quantizer", "quantizer"):
                if hasattr(module, name):
                    setattr(module, name, Refusing())
    assert convolutions(network, 3, (8, 8)) == count_found(SMALL, 2, chosen, LSQ, (8, 8))
