"""What the tests of the network share."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from qnas.core.network import Candidate

RICH = {
    "name": "basic",
    "channels": 6,
    "cells": 2,
    "bits": [4, [4, 8]],
    "operations": {
        "body": ["conv3x3", "conv5x1-1x5", "separable3x3", "growth3x3", "narrow1x1", "depthwise5x5", "identity"],
        "skip": ["conv1x1", "identity", {"name": "conv", "kernel": 3, "groups": 2, "dilation": 2}],
    },
}
"""A space with operations of all sorts, at pairs of widths."""

Choose = Callable[[Mapping[str, Sequence[Candidate]], int], dict[str, Candidate]]


@pytest.fixture(scope="session")
def choose() -> Choose:
    """Draws one candidate for each slot."""

    def draw(candidates: Mapping[str, Sequence[Candidate]], seed: int) -> dict[str, Candidate]:
        random = np.random.default_rng(seed)
        return {path: options[random.integers(len(options))] for path, options in candidates.items()}

    return draw
