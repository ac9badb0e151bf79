"""The contract of spaces: ours keep it, and each way to break it is told."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

import qnas
from qnas.core.registry import plugins
from qnas.testing import check_space

SMALL: Mapping[str, dict[str, Any]] = {
    "basic": {"channels": 6, "cells": 1, "operations": {"skip": ["identity", "conv1x1"], "body": ["growth3x3"]}},
    "quantnas-rfdn": {"channels": 12, "body": [{"block": "rfdb", "pre_activation": True, "residual": "adq"}]},
    "imdn": {"channels": 8, "body": ["imdb", "rlfb"], "image_residual": "bicubic"},
    "srresnet": {"channels": 6, "body": ["residual"], "bits": [[4, 8], 8]},
}


@pytest.mark.parametrize("name", SMALL)
def test_ours_keep_it(name: str) -> None:
    check_space({"name": name, **SMALL[name]})


class Chain(qnas.Space):
    """A space that keeps its contract; the others break it."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3", "conv1x1")}
    scales: ClassVar[frozenset[int]] = frozenset({2})
    width: int = 4

    def build(self, scale: int) -> nn.Module:
        first = qnas.Slot("body", 3, self.width, activation="none", signed=False)
        last = qnas.Slot("body", self.width, 3 * scale**2)
        return nn.Sequential(first, last, nn.PixelShuffle(scale))


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


@pytest.fixture
def registered():
    """The spaces above, registered as a plugin would."""
    registry = plugins().registries["space"]
    from qnas.core.registry import Entry

    spaces = (Chain, Larger, Unread, Random, Uncounted, Unbounded)
    entries = [Entry(c.__name__.lower(), f"{c.__module__}:{c.__qualname__}", "A space", "tests") for c in spaces]
    loaded = {entry.name: space for entry, space in zip(entries, spaces, strict=True)}
    original = registry.load
    for entry in entries:
        registry.add(entry)
    registry.load = lambda name: loaded.get(name) or original(name)  # type: ignore[method-assign]
    yield
    del registry.load
    for entry in entries:
        registry.remove(entry)


def test_a_space_that_keeps_it_passes(registered: None) -> None:
    check_space("chain")
    check_space({"name": "chain", "width": 6, "slots": [{"match": "1", "keep": 8}]})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("larger", r"at scale 3 its output is \(2, 3, 34, 44\), not \(2, 3, 51, 66\)"),
        ("unread", r"no gradient reaches 1\.unread"),
        ("random", "it does not give the same again|builds another network"),
        ("uncounted", "BitOps are counted of a network that has"),
        ("unbounded", "values that are not finite"),
    ],
)
def test_what_breaks_it_is_told(registered: None, name: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_space(name)
