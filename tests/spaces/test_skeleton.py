"""The skeleton's wiring, against numbers worked out by hand."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from qnas.core.components import Space
from qnas.core.network import fill, find_slots

from .conftest import DoubleTheMean


def skeleton(**fields):
    return Space.of({"name": "skeleton", "channels": 6, "body": ["residual"], **fields})


def doubling(space, scale):
    return fill(space.build(scale), lambda _, shape: DoubleTheMean(shape.out_channels))


FEATURES = {"upsample_to": "features", "tail": ["conv3x3"]}
TWO = ["conv3x3", "conv3x3"]

# The result for a white image if every slot doubles. Head 2; a residual block: 2 * 2 and the identity, 5 times its
# input.
WIRINGS = {
    # fusion 20, with the head 22
    "as it is": ({}, 44),
    "no skip": ({"skip": False}, 40),
    # 10, with the head 12
    "no fusion": ({"fusion": []}, 24),
    # fusion 40, with the head 42
    "two fusions": ({"fusion": TWO}, 84),
    # head 4, body 20, fusion 40, with the head 44
    "two in the head": ({"head": TWO}, 88),
    # the image 1, body 5, fusion 10, with the image 11
    "no head": ({"head": []}, 22),
    # 10, then 50; fusion 100, with the head 102
    "the last block": ({"body": ["residual", "residual"]}, 204),
    "the last of a repeated block": ({"body": [{"block": "residual", "repeat": 2}]}, 204),
    # of 10 and 50 side by side the mean is 30; fusion 60, with the head 62
    "all blocks": ({"body": ["residual", "residual"], "collect": "all"}, 124),
    # 2 * 2 * 3 and the identity, 13 times 2; fusion 52, with the head 54
    "a scaled block": ({"body": [{"block": "residual", "scale": 3}]}, 108),
    # no identity: 8; fusion 16, with the head 18
    "a block without its residual": ({"body": [{"block": "residual", "residual": "none"}]}, 36),
    # 8, and once more 16; fusion 32, with the head 34
    "a chain": ({"body": [{"block": "chain", "length": 3}]}, 68),
    "two before the shuffle": ({"upsample": TWO}, 88),
    "a tail on the image": ({"tail": ["conv3x3"]}, 44 * 2 + 44),
    "two in a tail on the image": ({"tail": TWO}, 44 * 4 + 44),
    "a tail on features": (FEATURES, 44 * 2),
    "two in a tail on features": (FEATURES | {"tail": TWO}, 44 * 4),
    "the image added": ({"image_residual": "nearest"}, 44 * 0.1 + 1),
    "the image added behind the tail": ({"image_residual": "nearest", "tail": ["conv3x3"]}, 132 * 0.1 + 1),
    # the body has 5 * tanh(2), the head's skip has 2
    "no residual around all blocks": ({"skip_residual": "none"}, 40),
    "no residual around the tail": ({"tail": ["conv3x3"], "tail_residual": "none"}, 88),
    "activated before the body": ({"activate": ["body"], "activation": "tanh"}, 2 * (10 * math.tanh(2) + 2)),
}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("fields", "expected"), WIRINGS.values(), ids=WIRINGS)
def test_parts_are_connected_as_the_fields_say(fields, expected, scale):
    network = doubling(skeleton(**fields), scale)
    if "image_residual" in fields:  # it starts at zero
        torch.nn.init.constant_(network.gain.value, 0.1)
    with torch.no_grad():
        output = network(torch.ones(1, 3, 5, 4))
    torch.testing.assert_close(output, torch.full((1, 3, 5 * scale, 4 * scale), float(expected)))


@pytest.mark.parametrize(("scale", "times"), [(2, 2), (3, 2), (4, 4)])
@pytest.mark.parametrize(("fields", "tail"), [({}, 1), (FEATURES, 2)], ids=["image", "features"])
def test_two_steps_run_one_after_the_other_at_4(scale, times, fields, tail):
    space = skeleton(upsampler="two-step", **fields)
    output = doubling(space, scale)(torch.ones(1, 3, 5, 4))
    torch.testing.assert_close(output, torch.full((1, 3, 5 * scale, 4 * scale), 22.0 * times * tail))


STEPS = {
    # one step: 3 colours, or 6 features, for each pixel that one becomes
    ("pixel-shuffle", "image", 2): [("upsample.0", 6, 12)],
    ("pixel-shuffle", "image", 3): [("upsample.0", 6, 27)],
    ("pixel-shuffle", "image", 4): [("upsample.0", 6, 48)],
    ("pixel-shuffle", "features", 4): [("upsample.0", 6, 96), ("tail.0", 6, 3)],
    ("two-step", "image", 2): [("upsample.0", 6, 12)],
    ("two-step", "image", 3): [("upsample.0", 6, 27)],
    ("two-step", "image", 4): [("upsample.0", 6, 24), ("upsample.2", 6, 12)],
    ("two-step", "features", 2): [("upsample.0", 6, 24), ("tail.0", 6, 3)],
    ("two-step", "features", 3): [("upsample.0", 6, 54), ("tail.0", 6, 3)],
    ("two-step", "features", 4): [("upsample.0", 6, 24), ("upsample.2", 6, 24), ("tail.0", 6, 3)],
}


@pytest.mark.parametrize(("upsampler", "upsample_to", "scale"), STEPS)
def test_upsampling_has_its_steps(upsampler, upsample_to, scale):
    tail = ["conv3x3"] if upsample_to == "features" else []
    space = skeleton(upsampler=upsampler, upsample_to=upsample_to, tail=tail)
    slots = find_slots(space.build(scale))
    found = [(path, s.in_channels, s.out_channels) for path, s in slots.items() if s.role in ("upsample", "tail")]
    assert found == STEPS[upsampler, upsample_to, scale]


def test_of_several_convolutions_the_first_widens_for_the_shuffle_and_the_last_of_a_tail_makes_the_image():
    space = skeleton(upsampler="two-step", upsample_to="features", upsample=TWO, tail=TWO)
    shapes = {path: (s.in_channels, s.out_channels) for path, s in find_slots(space.build(4)).items()}
    assert [shapes[f"upsample.{i}"] for i in (0, 1, 3, 4)] == [(6, 24), (24, 24), (6, 24), (24, 24)]
    assert [shapes["tail.0"], shapes["tail.1"]] == [(6, 6), (6, 3)]


@pytest.mark.parametrize("upsampler", ["pixel-shuffle", "two-step"])
def test_pixels_keep_their_order_through_the_steps(upsampler):
    """Where every convolution repeats each channel for each new pixel, an image is enlarged by repeating pixels."""

    class Spread(nn.Module):
        def __init__(self, shape):
            super().__init__()
            self.times = shape.out_channels // shape.in_channels

        def forward(self, features):
            return features.repeat_interleave(self.times, dim=1)

    space = skeleton(channels=3, head=[], body=["chain"], fusion=[], skip=False, upsampler=upsampler)
    network = fill(space.build(4), lambda _, shape: Spread(shape))
    image = torch.rand(2, 3, 3, 5)
    assert torch.equal(network(image), image.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3))


def test_parts_collected_are_fused_together():
    body = ["residual", {"block": "chain", "channels": 9}, {"block": "chain", "repeat": 2, "channels": 4}]
    slots = find_slots(skeleton(body=body, collect="all").build(2))
    assert (slots["fusion.0"].in_channels, slots["fusion.0"].out_channels) == (6 + 9 + 4 + 4, 6)
    slots = find_slots(skeleton(body=body).build(2))
    assert (slots["fusion.0"].in_channels, slots["fusion.0"].out_channels) == (4, 6)


def test_without_a_head_the_image_is_repeated():
    network = skeleton(head=[], channels=9).build(2)
    image = torch.rand(2, 3, 4, 5)
    assert torch.equal(network.head(image), torch.cat([image, image, image], dim=1))
    assert "head.0" not in find_slots(network)


def test_the_body_has_as_many_blocks_as_repeats_say():
    body = [{"block": "chain", "repeat": 2}, "residual", {"block": "chain", "length": 3}]
    paths = [path for path in find_slots(skeleton(body=body).build(2)) if path.startswith("body")]
    chain = ["body.0.0", "body.1.0"]
    assert paths == [*chain, "body.2.body.0", "body.2.body.1", "body.3.0", "body.3.1", "body.3.2"]


@pytest.mark.parametrize(("part", "channels"), [("trunk", 6), ("refine", 3)])
def test_adq_stands_around_all_blocks_and_around_the_tail(part, channels):
    """``(a s + c) body(BN(x)) + x``, s the deviation of the head's output, or of the enlarged image."""
    torch.manual_seed(0)
    field = {"trunk": "skip_residual", "refine": "tail_residual"}[part]
    plain, adq = (doubling(skeleton(tail=["conv3x3"], head=[], **extra), 2) for extra in ({}, {field: "adq"}))
    residual = adq.get_submodule(part)
    assert (residual.norm.num_features, list(adq.state_dict())[:2]) == (channels, [f"{part}.slope", f"{part}.offset"])
    assert not list(plain.state_dict())
    adq.eval()
    residual.norm.running_mean.fill_(0.25)
    residual.offset.data.fill_(0.5)
    image = torch.rand(1, 3, 4, 4)
    before = plain.head(image) if part == "trunk" else plain.upsample(plain.trunk(plain.head(image)))
    body = plain.trunk.body if part == "trunk" else plain.tail
    normed = (before - 0.25) / (1 + 1e-5) ** 0.5
    added = before + (1.5 * before.std(correction=0) + 0.5) * body(normed)
    expected = plain.refine(plain.upsample(added)) if part == "trunk" else added
    torch.testing.assert_close(adq(image), expected)


def test_residuals_around_parts_change_no_path_of_a_slot():
    fields = {"tail": TWO, "skip_residual": "adq", "tail_residual": "adadm"}
    assert list(find_slots(skeleton(**fields).build(2))) == list(find_slots(skeleton(tail=TWO).build(2)))
    network = copy.deepcopy(doubling(skeleton(**fields), 2))
    network.body[0] = nn.Identity()
    image = torch.rand(1, 3, 4, 4)
    assert torch.equal(network.trunk.body(image), network.fusion(network.enter(image)))  # a copy runs its own layers


def test_with_every_the_activation_stands_before_all_that_may_be_negative():
    body = [{"block": name} for name in ("rfdb", "imdb", "rlfb", "spab", "residual", "basic-cell", "chain")]
    fields = {"channels": 12, "body": body, "collect": "all", "tail": TWO, "upsampler": "two-step"}
    slots = find_slots(skeleton(activate=["every"], **fields).build(4))
    without = find_slots(skeleton(**fields).build(4))
    for path, shape in slots.items():
        before = without[path]
        changes = before.activation == "none" and before.signed
        assert shape == (replace(before, activation="relu", signed=False) if changes else before)
    assert sum(shape.activation == "none" for shape in without.values()) > 20
    assert not any(shape.signed for shape in slots.values())


ACTIVATED = {
    (): (),
    ("body",): (),  # it comes before the whole body, see below
    ("upsample",): ("upsample.0",),
    ("tail",): ("upsample.3", "tail.0"),
    ("body", "upsample", "tail"): ("upsample.0", "upsample.3", "tail.0"),
}
# After another convolution of the same part, there is always the activation.
ALWAYS = ("head.1", "body.0.body.1", "fusion.1", "upsample.1", "upsample.4", "tail.1")


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "prelu", "channel-prelu", "silu", "tanh"])
@pytest.mark.parametrize("activate", ACTIVATED)
def test_the_activation_stands_before_the_slots_of_the_parts_that_it_is_said_of(activate, activation):
    fields = {"head": TWO, "fusion": TWO, "upsample": TWO, "upsampler": "two-step", "tail": TWO}
    network = skeleton(activate=activate, activation=activation, upsample_to="features", **fields).build(4)
    slots = find_slots(network)
    activated = {path for path, shape in slots.items() if shape.activation == activation}
    assert activated == {*ALWAYS, *ACTIVATED[activate]}
    assert {shape.activation for path, shape in slots.items() if path not in activated} == {"none"}
    # The image is never negative, nor is the output of a ReLU.
    assert {path for path, shape in slots.items() if not shape.signed} == {
        "head.0",
        *(activated if activation == "relu" else ()),
    }
    assert isinstance(network.enter, nn.Identity) == ("body" not in activate)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_an_image_residual_has_one_learned_gain(mode):
    plain, beside = (doubling(skeleton(image_residual=m), 2) for m in ("none", mode))
    assert dict(plain.named_parameters()) == {}
    assert [name for name, _ in beside.named_parameters()] == ["gain.value"]
    assert beside.gain.value.item() == 0
    beside(torch.ones(1, 3, 4, 4)).mean().backward()
    assert beside.gain.value.grad.item() == pytest.approx(44)


def test_roles_are_those_of_the_skeleton_and_its_blocks():
    space = skeleton(channels=8, body=["residual", "rfdb"])
    assert list(space.roles()) == ["head", "body", "distill", "refine", "fusion", "attention", "upsample"]
    assert {shape.role for shape in find_slots(space.build(2)).values()} == set(space.roles())
    assert set(space.roles().values()) == {("native",)}


def test_a_preset_is_extended_field_by_field():
    space = Space.of({"extends": "rfdn", "channels": 12, "body": [{"block": "rfdb", "repeat": 2}, "spab"]})
    assert (space.name, space.activation, space.collect) == ("rfdn", "leaky-relu", "all")
    slots = find_slots(space.build(2))
    assert slots["fusion.0"].in_channels == 3 * 12
    assert slots["fusion.0"].native.name == "conv1x1"
    assert "body.2.refine.2" in slots
