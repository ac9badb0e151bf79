"""The contract of spaces: each way to break it is told."""

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


class Network(nn.Module):
    """What somebody wrote who knew nothing of qnas."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 3 * scale**2, 3, padding=1))
        self.enlarge = nn.PixelShuffle(scale)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.enlarge(self.body(image))


def test_the_space_of_a_foreign_network_keeps_it(monkeypatch):
    home = ModuleType("foreign_networks")
    home.Network = Network
    monkeypatch.setitem(sys.modules, home.__name__, home)
    check_space({"name": "module", "target": "foreign_networks:Network", "scale_argument": "scale"})


class Chain(qnas.Space):
    """A space that keeps its contract; the others break it."""

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
    """Claims a scale that it does not do."""

    scales: ClassVar[frozenset[int]] = frozenset({2, 3})

    def build(self, scale: int) -> nn.Module:
        del scale
        return super().build(2)


class Beside(nn.Module):
    """A parameter that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Unread(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Beside())


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x)


class Random(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Noisy())


class Twofold(nn.Module):
    """Runs what it has twice where values are real, once where they are not."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) if x.is_meta else (self.inner(x) + self.inner(x)) / 2


class Uncounted(Chain):
    def build(self, scale: int) -> nn.Module:
        return Twofold(super().build(scale))


class Infinite(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 0


class Unbounded(Chain):
    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(super().build(scale), Infinite())


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
    """What it writes of itself in an architecture is not what it is."""

    @field_serializer("width")
    def _tens(self, width: int) -> int:
        return round(width, -1)


class Shifted(nn.Module):
    """Another shift each time that it is made, which is not saved."""

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


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Scaleless, "it claims no scale"),
        (Larger, r"^the space 'larger': at scale 3: its output is \(2, 3, 34, 44\), not \(2, 3, 51, 66\)$"),
        (Unread, r"no gradient reaches 1\.unread"),
        (Random, "it does not give the same again"),
        (Uncounted, "BitOps are counted of a network that has"),
        (Unbounded, "values that are not finite"),
        (Unsigned, r"its slot '1\.0' reads -\d.*, and says that what it reads is never negative"),
        (Unstated, "states no candidates for the role 'tail'"),
        (Rounded, "its architecture is another once it was written to JSON and read again"),
        (Forgetful, "its architecture builds another network again"),
        (Unexpected, r"the search expects \d+ BitOps of a network that has \d+"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_space(registered(component))
