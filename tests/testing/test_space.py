"""The contract of spaces: each way to break it is reported."""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import ClassVar

import pytest
import torch
from pydantic import field_serializer
from torch import nn

import qnas
from qnas.core.network import FilledSlot
from qnas.testing import check_space

from . import broken
from .broken import Behind, attended, blurred, mixed

pytestmark = pytest.mark.slow


class Network(nn.Module):
    """A network whose author knew nothing of qnas."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 3 * scale**2, 3, padding=1))
        self.enlarge = nn.PixelShuffle(scale)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.enlarge(self.body(image))


class Frozen(Network):
    """Begins with a layer that is not trained, as EDSR does."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.shift = nn.Conv2d(3, 3, 1).requires_grad_(False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return super().forward(self.shift(image))


class Attentive(Network):
    """Multiplies by weights outside layers, which the space's notices mention."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__(scale)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.first(image)
        tokens = features.flatten(2).transpose(1, 2)
        attended, _ = self.attention(tokens, tokens, tokens)
        return super().forward(self.last(attended.transpose(1, 2).reshape(features.shape)))


@pytest.mark.parametrize("network", [Network, Frozen, Attentive])
def test_the_space_of_a_foreign_network_keeps_it(monkeypatch, network):
    home = ModuleType("foreign_networks")
    setattr(home, network.__name__, network)
    monkeypatch.setitem(sys.modules, home.__name__, home)
    target = f"{home.__name__}:{network.__name__}"
    check_space({"name": "module", "target": target, "scale_argument": "scale"})


class Chain(qnas.Space):
    """A space that meets its contract; the others break it."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3", "conv1x1")}
    scales: ClassVar[frozenset[int]] = frozenset({2})
    width: int = 8

    def build(self, scale: int) -> nn.Module:
        first = qnas.Slot("body", 3, self.width, activation="none", signed=False)
        last = qnas.Slot("body", self.width, 3 * scale**2)
        return nn.Sequential(first, last, nn.PixelShuffle(scale))


class Scaleless(Chain):
    scales: ClassVar[frozenset[int]] = frozenset()


class Larger(Chain):
    """Claims a scale that it can't do."""

    scales: ClassVar[frozenset[int]] = frozenset({2, 3})

    def build(self, scale: int) -> nn.Module:
        del scale
        return super().build(2)


class Blind(Chain):
    """Makes the same output from every image."""

    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(Behind(nn.Identity(), torch.ones_like), super().build(scale))


class Mixed(Chain):
    def build(self, scale: int) -> nn.Module:
        return Behind(super().build(scale), mixed, weight=torch.eye(3))


class Told(Chain):
    """Reports what is not counted."""

    def notices(self, scale: int) -> tuple[str, ...]:
        return ("it blurs, which is not counted",)

    def build(self, scale: int) -> nn.Module:
        return Behind(super().build(scale), blurred, kernel=torch.rand(1, 1, 3, 3))


class SelfAttentive(Chain):
    """Multiplies features with each other, which no layer does."""

    def build(self, scale: int) -> nn.Module:
        return Behind(super().build(scale), attended)


class Gate(nn.Module):
    """A ReLU that passes everything or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.where(torch.rand(1) < 0.5, 100.0, -100.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.shift)


class Shut(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Gate())


class Negative(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


class Unsigned(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(Negative(), super().build(scale))


class Unstated(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), qnas.Slot("tail", 3, 3))


class Rounded(Chain):
    """What it writes about itself in an architecture is not true."""

    @field_serializer("width")
    def _tens(self, width: int) -> int:
        return round(width, -1)


class Shifted(nn.Module):
    """A different shift each time that it is made, which is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = float(torch.rand(1, device="cpu"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.shift


class Forgetful(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Shifted())


class Repeating(nn.Module):
    """Runs a slot twice once it is filled by an operation."""

    def __init__(self, slot: nn.Module) -> None:
        super().__init__()
        self.slot = slot

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.slot(self.slot(x) if isinstance(self.slot, FilledSlot) else x)


class Unexpected(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Repeating(qnas.Slot("body", 3, 3)))


def test_a_space_that_keeps_it_passes(registered):
    name = registered(Chain)
    check_space(name)
    check_space({"name": name, "width": 6, "slots": [{"match": "1", "keep": 8}]}, seed=1)
    check_space({"name": name, "bits": [[4, 8], 2], "operations": ["separable3x3", "conv3x3"]})


@pytest.mark.parametrize("component", [Told, SelfAttentive])
def test_what_is_not_counted_may_be(registered, component):
    check_space(registered(component))


@pytest.mark.parametrize("seed", range(4))
def test_one_that_a_relu_shuts_by_chance_passes(registered, seed):
    check_space(registered(Shut), seed=seed)


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Scaleless, "it supports no scale"),
        (Larger, r"^the space 'larger': at scale 3: its output is \(2, 3, 34, 44\), not \(2, 3, 51, 66\)$"),
        (Blind, "its output does not depend on the image"),
        (Mixed, broken.HIDDEN),
        (Unsigned, r"its slot '1\.0' reads -\d.*, but says that its input is never negative"),
        (Unstated, "states no candidates for the role 'tail'"),
        (Rounded, "its architecture changes when it is written to JSON and read again"),
        (Forgetful, "its architecture builds a different network"),
        (Unexpected, r"the search expects \d+ BitOps for a network that has \d+"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_space(registered(component))


@pytest.mark.parametrize(("around", "message"), broken.MODULES.values(), ids=broken.MODULES)
def test_a_broken_module_is_told(registered, around, message):
    class Around(Chain):
        def build(self, scale: int) -> nn.Module:
            return around(super().build(scale))

    with pytest.raises(AssertionError, match=f"at scale 2: {message}"):
        check_space(registered(Around))
