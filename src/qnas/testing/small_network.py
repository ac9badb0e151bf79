"""Small networks with integers, for checks of what is exported."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import nn

from qnas.core.components import Dataset, Degradation, Operation, Quantizer, Space
from qnas.core.deploy.lowering import Lowered, lower
from qnas.core.images.pairs import ImagePair, pair
from qnas.core.network import Architecture, Candidate, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.settings import Widths
from qnas.core.settings.lr_sizes import Size

_SPACES: Mapping[str, tuple[int, Mapping[str, Any], Sequence[Widths]]] = {
    "at 8 bits": (
        2,
        {"name": "skeleton", "channels": 8, "body": ["residual"], "image_residual": "bicubic"},
        [Widths(8, 8)],
    ),
    "at mixed bit-widths": (
        3,
        {"name": "basic", "channels": 6, "cells": 1},
        [Widths(4, 8), Widths(2, 4), Widths(8, 3), Widths(5, 6)],
    ),
    "with attention": (
        2,
        {"name": "skeleton", "channels": 8, "body": ["rlfb", "spab"], "activation": "silu"},
        [Widths(8, 8), Widths(4, 8)],
    ),
}


class SmallNetwork(Enum):
    """A small network; its value says what is special about it."""

    UNIFORM = "at 8 bits"
    MIXED = "at mixed bit-widths"
    ATTENTION = "with attention"

    @property
    def scale(self) -> int:
        """The factor that it enlarges by."""
        return _SPACES[self.value][0]

    @property
    def space(self) -> Space:
        """The space that it is in."""
        _, reference, widths = _SPACES[self.value]
        return Space.of({**reference, "operations": ["native"], "bits": list(dict.fromkeys(widths))})

    @functools.cache
    def chosen(self) -> Mapping[str, Candidate]:
        """What is in each slot: the widths, one after the other, again and again."""
        native, widths = Operation.of("native"), itertools.cycle(_SPACES[self.value][2])
        return {path: Candidate(native, next(widths)) for path in slot_candidates(self.space, self.scale)}

    @functools.cache
    def network(self, between: int | None = None, signed: bool = False) -> nn.Module:
        """The network, calibrated, with a say in the image for each of its parts.

        Args:
            between: The width of what stands between its slots, None for float.
            signed: Whether all its integers are signed.
        """
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            architecture = Architecture.from_candidates(self.space, self.scale, self.chosen())
            network = architecture.build(Quantizer.of({"name": "lsq", "signed": signed}), between).eval()
            for name, parameter in network.named_parameters():
                if name.endswith("bias") or name.startswith("gain."):
                    nn.init.uniform_(parameter, 0.1, 0.5)
        images = np.stack([pair.lr for pair in self.images()])
        calibrate(network, lambda: network(torch.from_numpy(images).permute(0, 3, 1, 2) / 255))
        return network

    @functools.cache
    def lowered(self, size: Size | None, between: int | None = None, signed: bool = False) -> Lowered:
        """The network for images of a size, None for any."""
        with torch.random.fork_rng(devices=()):
            return lower(self.network(between, signed), size)

    @functools.cache
    def images(self) -> tuple[ImagePair, ...]:
        """Generated images of 32 x 32 in LR, which bypass the cache."""
        leaves = Dataset.of({"name": "dead-leaves", "amount": 2, "size": 32 * self.scale})
        return tuple(pair(image, self.scale, Degradation.of("matlab")) for image in leaves.images(self.scale))
