"""What the tests of the spaces share."""

import random
from collections.abc import Callable

import pytest
from torch import nn

from qnas.core.components import Space
from qnas.core.network import Candidate, slot_candidates

Draw = Callable[..., dict[str, Candidate]]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a candidate for each slot of a space."""

    def candidates(space: Space, scale: int = 4, seed: int = 0) -> dict[str, Candidate]:
        pick = random.Random(seed).choice
        return {path: pick(options) for path, options in slot_candidates(space, scale).items()}

    return candidates


class DoubleTheMean(nn.Module):
    """Stands in for a slot: every output channel is twice the mean of the input channels."""

    def __init__(self, out_channels):
        super().__init__()
        self.out_channels = out_channels

    def forward(self, features):
        return 2 * features.mean(dim=1, keepdim=True).expand(-1, self.out_channels, -1, -1)
