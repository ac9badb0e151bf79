"""The basic space against section 7 of the method and numbers worked out by hand."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.network import build_found, count_found, fill, find_slots, slot_candidates

from .conftest import DoubleTheMean

WIDE = ["conv1x1", "conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3"]


def basic(**fields):
    return Space.of({"name": "basic", **fields})


@pytest.mark.parametrize("variant", ["A", "B"])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("image_residual", ["none", "nearest", "bilinear", "bicubic"])
def test_output_is_the_enlarged_image(variant, scale, image_residual):
    space = basic(channels=6, cells=1, variant=variant, image_residual=image_residual)
    chosen = {path: options[0] for path, options in slot_candidates(space, scale).items()}
    network = build_found(space, scale, chosen, Quantizer.of("none")).eval()
    assert network(torch.rand(2, 3, 7, 5)).shape == (2, 3, 7 * scale, 5 * scale)


@pytest.mark.parametrize("variant", ["A", "B"])
def test_slots_run_in_the_order_in_which_they_are_listed(variant):
    """Noise is drawn in that order, and drawings and tables follow it."""
    space = basic(channels=6, cells=2, variant=variant)
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    run = [c.path.removesuffix(".operation") for c in count_found(space, 2, chosen, Quantizer.of("lsq"))]
    assert run == list(chosen)


@pytest.mark.parametrize(("variant", "chain"), [("A", 3), ("B", 2)])
def test_slots_are_those_of_the_method(variant, chain):
    slots = find_slots(basic(variant=variant).build(4))
    cell = [*(f"chain.{i}" for i in range(chain)), "skip"]
    assert list(slots) == [
        "head.0",
        "head.1",
        *(f"body.{i}.body.{name}" for i in range(3) for name in cell),
        "upsample.0",
        "tail.0",
        "tail.1",
    ]
    shapes = {path: (shape.role, shape.in_channels, shape.out_channels) for path, shape in slots.items()}
    assert shapes["head.0"] == ("head", 3, 36)
    assert shapes["head.1"] == ("head", 36, 36)
    assert shapes["body.1.body.chain.1"] == ("body", 36, 36)
    assert shapes["body.2.body.skip"] == ("skip", 36, 36)
    assert shapes["upsample.0"] == ("upsample", 36, 48)
    assert shapes["tail.0"] == shapes["tail.1"] == ("tail", 3, 3)
    assert {shape.stride for shape in slots.values()} == {1}


def test_a_relu_stands_before_every_slot_but_those_that_read_an_image():
    slots = find_slots(basic().build(2))
    without = {path: shape.signed for path, shape in slots.items() if shape.activation == "none"}
    # The input image is never negative; the enlarged one may be.
    assert without == {"head.0": False, "tail.0": True}
    assert not any(shape.signed for path, shape in slots.items() if path not in without)


def test_default_candidates_are_those_of_the_method():
    expected = {
        "head": WIDE,
        "body": ["conv3x3", "conv5x5", "conv5x1-1x5", "conv3x1-1x3"],
        "skip": ["conv1x1", "conv3x3", "conv5x5"],
        "upsample": WIDE,
        "tail": WIDE,
    }
    space = basic()
    candidates = slot_candidates(space, 4)
    for path, shape in find_slots(space.build(4)).items():
        labels = [f"{name} @ {bits}" for name in expected[shape.role] for bits in (4, 8)]
        assert [candidate.label for candidate in candidates[path]] == labels


def test_roles_left_out_keep_their_defaults_and_a_plain_list_stands_for_all():
    some = slot_candidates(basic(operations={"skip": ["identity"]}, bits=[4]), 2)
    assert [c.label for c in some["body.0.body.skip"]] == ["identity"]
    assert len(some["head.0"]) == len(WIDE)
    every = slot_candidates(basic(operations=["conv3x3"], bits=[4]), 2)
    assert {tuple(c.label for c in options) for options in every.values()} == {("conv3x3 @ 4",)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"operations": {"tial": ["conv3x3"]}}, "no such role"),
        ({"operations": {"tail": []}}, "at least 1"),
        ({"bits": []}, "at least 1"),
        ({"bits": [1]}, "from 2 to 16, or 32"),
        ({"bits": [17]}, "from 2 to 16, or 32"),
        ({"bits": [[4, 8, 2]]}, "a pair"),
        ({"bits": [True]}, "whole number"),
        ({"channels": 0}, "greater than 0"),
        ({"variant": "C"}, "'A' or 'B'"),
    ],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        basic(**fields)


@pytest.mark.parametrize(
    ("variant", "cells", "expected"),
    [
        # head 4; cell: chain 8, 16 and skip 8, with the input 28; with the head 32; upsample 64; tail 256 + 64
        ("B", 1, 320),
        # a second cell: chain 112 and skip 56, with the input 196; with the head 200; upsample 400; tail 1600 + 400
        ("B", 2, 2000),
        # cell: chain 32 * 0.2 = 6.4 and skip 8, with the input 18.4; with the head 22.4; upsample 44.8
        ("A", 1, 224),
    ],
)
@pytest.mark.parametrize(("image_residual", "added"), [("none", 0), ("nearest", 1)])
def test_parts_are_connected_as_the_method_says(variant, cells, expected, image_residual, added):
    space = basic(channels=4, cells=cells, variant=variant, residual="plain", image_residual=image_residual)
    network = fill(space.build(2), lambda _, shape: DoubleTheMean(shape.out_channels))
    if added:  # with an image residual, it starts by adding nothing
        assert network.gain.value.item() == 0
        torch.nn.init.constant_(network.gain.value, 0.5)
    output = network(torch.ones(1, 3, 4, 4))
    grown = expected * (0.5 if added else 1) + added
    torch.testing.assert_close(output, torch.full((1, 3, 8, 8), float(grown)))


def test_upsampling_is_a_pixel_shuffle():
    """Channel ``c s^2 + y s + x`` of the upsample slot becomes pixel (y, x) of colour c in each block."""
    space = basic(channels=4, cells=1, residual="plain")
    inside = {"head": 0.0, "body": 0.0, "skip": 0.0, "tail": 0.0}

    class Ramp(nn.Module):
        def forward(self, features):
            n, _, h, w = features.shape
            return torch.arange(12.0).view(1, 12, 1, 1).expand(n, 12, h, w)

    class Zero(DoubleTheMean):
        def forward(self, features):
            return 0 * super().forward(features)

    network = fill(space.build(2), lambda _, s: Zero(s.out_channels) if s.role in inside else Ramp())
    output = network(torch.rand(1, 3, 3, 3))[0]
    for colour in range(3):
        block = torch.tensor([[0.0, 1.0], [2.0, 3.0]]) + 4 * colour
        assert torch.equal(output[colour], block.repeat(3, 3))


@pytest.mark.parametrize("residual", ["plain", "batch-norm", "adq", "adadm"])
def test_every_cell_has_its_residual(residual):
    network = basic(channels=4, cells=2, residual=residual).build(2)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == (0 if residual == "plain" else 2)
    assert len(network.body) == 2
