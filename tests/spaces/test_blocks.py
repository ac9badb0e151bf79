"""Every block on its own, and some against the formulas of their papers."""

import sys
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import Block, Operation, Quantizer, Space
from qnas.core.network import Architecture, Candidate, Slot, fill, find_slots
from qnas.core.registry import PluginInfo, find_plugins, hookimpl
from qnas.core.settings import Widths

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": F.relu,
    "leaky-relu": lambda x: F.leaky_relu(x, 0.05),
    "silu": F.silu,
    "tanh": torch.tanh,
}


def build(reference, channels=8, activation="relu", quantizer="none", bits=32):
    """The block in its residual, filled natively, with biases that are not zero."""
    block = Block.of(reference)
    native = Candidate(Operation.of("native"), Widths(bits, bits))
    torch.manual_seed(channels)
    network = block.residual.wrap(block.build(channels, activation), channels)
    network = fill(network, lambda _, shape: native.fill(shape, Quantizer.of(quantizer)))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.bias, std=0.3)
    return network


@pytest.fixture
def features():
    return torch.randn(2, 8, 27, 31, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Plain:
    """Convolutions by path, run without the modules around them."""

    def __init__(self, network):
        self.state = network.state_dict()

    def __call__(self, path, features, stride=1, padding=None):
        weight, bias = (self.state[f"{path}.operation.{kind}"] for kind in ("weight", "bias"))
        return F.conv2d(features, weight, bias, stride, weight.shape[-1] // 2 if padding is None else padding)


def attended(conv, path, x, middle):
    """ESA: on a quarter of the pixels, pooled, and back."""
    reduced = conv(f"{path}.reduce", x)
    small = F.max_pool2d(conv(f"{path}.shrink", reduced, stride=2, padding=0), 7, 3)
    for index in range(middle):
        small = conv(f"{path}.pooled.{index}", F.relu(small) if index else small)
    large = F.interpolate(small, x.shape[-2:], mode="bilinear", align_corners=False)
    return x * torch.sigmoid(conv(f"{path}.expand", large + conv(f"{path}.bypass", reduced)))


def spab(conv, act, x):
    r = conv("refine.2", act(conv("refine.1", act(conv("refine.0", x)))))
    return (r + x) * (torch.sigmoid(r) - 0.5)


def rlfb(conv, act, x):
    refined = act(conv("refine.2", act(conv("refine.1", act(conv("refine.0", x))))))
    return attended(conv, "attention", conv("fuse", refined + x), middle=1)


def imdb(conv, act, x):
    """A quarter, 2 of 8 channels, is set aside of each of the first three."""
    first = act(conv("body.refine.0", x))
    second = act(conv("body.refine.1", first[:, 2:]))
    third = act(conv("body.refine.2", second[:, 2:]))
    fourth = conv("body.refine.3", third[:, 2:])
    joined = torch.cat([first[:, :2], second[:, :2], third[:, :2], fourth], dim=1)
    statistic = joined.std((2, 3), keepdim=True, unbiased=False) + joined.mean((2, 3), keepdim=True)
    squeezed = conv("body.attention.expand", F.relu(conv("body.attention.reduce", statistic)))
    return conv("body.fuse", joined * torch.sigmoid(squeezed)) + x


def rfdb_before(conv, act, x):
    """As in QuantNAS: the activation comes before each convolution, none after it."""
    parts, features = [], x
    for step in range(3):
        parts.append(conv(f"distill.{step}", act(features)))
        features = conv(f"refine.{step}", act(features)) + features
    parts.append(conv("refine.3", act(features)))
    return attended(conv, "attention", conv("fuse", act(torch.cat(parts, dim=1))), middle=3)


def rfdb_behind(conv, act, x):
    """As in RFDN: the activation comes after each convolution and its shortcut."""
    parts, features = [], x
    for step in range(3):
        parts.append(act(conv(f"distill.{step}", features)))
        features = act(conv(f"refine.{step}", features) + features)
    parts.append(act(conv("refine.3", features)))
    return attended(conv, "attention", conv("fuse", torch.cat(parts, dim=1)), middle=3)


def residual(conv, act, x):
    return 0.3 * conv("body.2", act(conv("body.1", act(conv("body.0", x))))) + x


def chain(conv, act, x):
    return conv("1", act(conv("0", act(x))))


def cell_b(conv, act, x):
    return conv("body.chain.1", act(conv("body.chain.0", act(x)))) + conv("body.skip", act(x)) + x


def cell_a(conv, act, x):
    chained = conv("body.chain.2", act(conv("body.chain.1", act(conv("body.chain.0", act(x))))))
    return 0.2 * chained + conv("body.skip", act(x)) + x


FORMULAS = {
    "spab": ("spab", spab),
    "rlfb": ({"block": "rlfb", "attention_channels": 3}, rlfb),
    "imdb": ("imdb", imdb),
    "rfdb": ("rfdb", rfdb_behind),
    "rfdb with the activation before": ({"block": "rfdb", "pre_activation": True}, rfdb_before),
    "residual": ({"block": "residual", "length": 3, "scale": 0.3}, residual),
    "chain": ({"block": "chain", "length": 2, "channels": 5, "native": "conv5x5"}, chain),
    "basic cell B": ({"block": "basic-cell", "residual": "plain"}, cell_b),
    "basic cell A": ({"block": "basic-cell", "residual": "plain", "variant": "A"}, cell_a),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("reference", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_a_block_is_its_formula(features, reference, formula, activation):
    network = build(reference, activation=activation).double()
    with torch.no_grad():
        expected = formula(Plain(network), ACTIVATIONS[activation], features)
        torch.testing.assert_close(network(features), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("fields", "inside"),
    [({}, ["1", "2"]), ({"channels": 5}, ["1", "2"]), ({"native": "conv1x1"}, ["1", "2"])],
    ids=["plain", "narrower", "1 x 1"],
)
def test_a_chain_changes_the_channels_in_its_first_convolution(fields, inside):
    slots = find_slots(Block.of({"block": "chain", "length": 3, **fields}).build(8, "relu"))
    out = fields.get("channels", 8)
    assert (slots["0"].in_channels, slots["0"].out_channels) == (8, out)
    assert {(slots[i].in_channels, slots[i].out_channels) for i in inside} == {(out, out)}
    assert {shape.native.name for shape in slots.values()} == {fields.get("native", "conv3x3")}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        # The input of the block and the outputs of sums and convolutions may be negative.
        ("spab", ["refine.0"]),
        ("residual", ["0"]),
        ("chain", []),
        ("basic-cell", []),
        ("rlfb", ["fuse", "refine.0"]),
        ("imdb", ["fuse", "refine.0"]),
        ("rfdb", ["distill.0", "refine.0"]),
        ({"block": "rfdb", "pre_activation": True}, []),
    ],
    ids=str,
)
def test_behind_a_relu_slots_are_unsigned(reference, expected):
    def signed(activation):
        slots = find_slots(Block.of(reference).build(8, activation))
        return {path: shape.signed for path, shape in slots.items() if shape.role != "attention"}

    assert sorted(path for path, is_signed in signed("relu").items() if is_signed) == expected
    assert all(signed("leaky-relu").values())


class Ghost(Block):
    """A third-party block: a slot, and a shift of the channels."""

    roles = ("ghost",)
    shift: int = 1

    def build(self, channels, activation):
        return Shifted(channels, activation, self.shift)


class Shifted(nn.Module):
    def __init__(self, channels, activation, shift):
        super().__init__()
        self.slot = Slot("ghost", channels, channels, activation=activation, native="conv1x1")
        self.shift = shift

    def forward(self, features):
        return self.slot(features).roll(self.shift, dims=1)


@pytest.fixture
def third_party(monkeypatch):
    """An installed plugin with the block ``ghost``, until the test ends."""
    home = ModuleType("qnas_ghost")
    home.Ghost = Ghost
    monkeypatch.setitem(sys.modules, "qnas_ghost", home)
    plugin = ModuleType("a_plugin")
    plugin.qnas_register_blocks = hookimpl(lambda register: register("ghost", "qnas_ghost:Ghost", "Shifts channels"))
    loaded = find_plugins()
    loaded.add(plugin, PluginInfo("ghost", "qnas-ghost", "1.0", "qnas_ghost.plugin"))
    monkeypatch.setattr("qnas.core.components.component.plugins", lambda: loaded)


def test_a_third_partys_block_is_as_good_as_a_shipped_one(third_party, draw):
    body = [{"block": "ghost", "shift": 2, "repeat": 2, "residual": "plain"}, "residual"]
    space = Space.of({"name": "skeleton", "body": body, "operations": {"ghost": ["conv3x3", "identity"]}})
    assert [path for path, shape in find_slots(space.build(2)).items() if shape.role == "ghost"] == [
        "body.0.body.slot",
        "body.1.body.slot",
    ]
    before = Architecture.from_candidates(space, 2, draw(space, 2))
    after = Architecture.from_json(before.to_json())
    assert after == before
    assert [block.label for block in after.space.body] == ["ghost(repeat=2, residual=plain, shift=2)", "residual"]
    assert after.build(Quantizer.of("lsq"))(torch.rand(1, 3, 5, 6)).shape == (1, 3, 10, 12)
