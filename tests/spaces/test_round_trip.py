"""In every space, an architecture that is saved as JSON gives the same network again."""

import pytest
import torch

from qnas.core.components import Quantizer, Space
from qnas.core.network import Architecture, count_found, find_slots
from qnas.core.network.calibration import calibrate
from qnas.core.registry import plugins

from ..totals import total

LSQ = Quantizer.of("lsq")
NOISE = Quantizer.of("noise")
SCALE = 2
BITS = [2, [4, 8], 8, [8, 3], 32]
OPERATIONS = ["native", "conv1x1", "conv3x3", "separable3x3"]


def from_a_name_alone(kind):
    registry = plugins().registries[kind]
    return [
        entry.name
        for entry in registry
        if not any(
            field.is_required() and name not in entry.defaults
            for name, field in registry.load(entry.name).model_fields.items()
        )
    ]


SPACES = from_a_name_alone("space")
MIXED = [
    {"block": "rfdb", "residual": "adq"},
    {"block": "residual", "repeat": 2, "length": 3, "scale": 0.5},
    "spab",
    {"block": "rfdb", "pre_activation": True},
]
COMPOSED = {
    "rfdb and residual mixed": {"body": MIXED, "collect": "all", "activation": "prelu"},
    "two steps to features": {"upsampler": "two-step", "upsample_to": "features", "tail": ["conv1x1", "conv3x3"]},
    "an image residual": {"head": [], "activate": ["body", "upsample"], "image_residual": "bicubic"},
    **{f"{block} alone": {"body": [block]} for block in from_a_name_alone("block")},
}


def searchable(reference):
    """The space with everything that may vary, except where only the original operation fits."""
    slots = find_slots(on_meta(lambda: Space.of(reference).build(SCALE)))
    fixed = [{"match": path, "bits": BITS, "operations": ["native"]} for path in slots if not slots[path].keeps_size]
    return Space.of({**reference, "bits": BITS, "operations": OPERATIONS, "slots": fixed})


def small(name):
    has_channels = "channels" in plugins().registries["space"].load(name).model_fields
    return {"name": name, "channels": 12} if has_channels else {"name": name}


def on_meta(build):
    with torch.device("meta"):
        return build()


def bitops(architecture):
    # Only widths matter here: noise is left out of a count, and LSQ would take most of this file's time.
    return total("bitops", count_found(architecture.space, SCALE, architecture.candidates(), NOISE))


def tree(network):
    return [(path, type(module), module.extra_repr()) for path, module in network.named_modules()]


def state(network):
    return {name: (value.shape, value.dtype) for name, value in network.state_dict().items()}


def saved_and_read(space, chosen):
    before = Architecture.from_candidates(space, SCALE, chosen)
    text = before.to_json()
    after = Architecture.from_json(text)
    assert after == before
    assert after.to_json() == text
    return before, after


def assert_same_network(space, chosen):
    before, after = saved_and_read(space, chosen)
    first, second = before.build(LSQ), after.build(LSQ)
    assert tree(first) == tree(second)
    assert sum(p.numel() for p in first.parameters()) == sum(p.numel() for p in second.parameters())
    assert bitops(before) == bitops(after)

    image = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    calibrate(first.eval(), lambda: first(image))
    second.eval().load_state_dict(first.state_dict())
    with torch.no_grad():
        output = first(image)
        assert output.shape == (1, 3, 8 * SCALE, 9 * SCALE)
        assert torch.equal(output, second(image))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPACES)
def test_a_random_architecture_of_every_space_survives(draw, name, seed):
    space = searchable(small(name))
    assert_same_network(space, draw(space, SCALE, seed))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fields", COMPOSED.values(), ids=COMPOSED)
def test_a_random_architecture_of_a_composed_space_survives(draw, fields, seed):
    space = searchable({"extends": "skeleton", "channels": 12, **fields})
    assert_same_network(space, draw(space, SCALE, seed))


@pytest.mark.parametrize("name", SPACES)
def test_every_space_survives_as_it_is(draw, name):
    space = Space.of(name)
    before, after = saved_and_read(space, draw(space, SCALE, 1))
    first, second = (on_meta(lambda a=a: a.build(LSQ)) for a in (before, after))
    assert tree(first) == tree(second)
    assert state(first) == state(second)
    assert bitops(before) == bitops(after)


@pytest.mark.parametrize("name", SPACES)
def test_what_a_space_is_drawn_from_differs_from_seed_to_seed(draw, name):
    """Otherwise, the tests above would try the same architecture again and again."""
    space = searchable(small(name))
    assert len({Architecture.from_candidates(space, SCALE, draw(space, SCALE, s)).to_json() for s in range(3)}) == 3


def test_rules_survive_in_the_architecture(draw):
    rules = [{"match": "body.1", "keep": [3, 5]}, {"match": "upsample", "bits": [[2, 4]], "operations": ["conv5x5"]}]
    space = Space.of({"extends": "edsr-baseline", "channels": 6, "slots": rules})
    _, after = saved_and_read(space, draw(space, SCALE))
    kept, told = after.candidates()["body.1.body.0"], after.candidates()["upsample.0"]
    assert (kept.label, told.label) == ("native @ 3/5", "conv5x5 @ 2/4")
    assert after.space.slots == space.slots
