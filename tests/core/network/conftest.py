"""What the tests of the network share."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from qnas.core.network import Candidate

Choose = Callable[[Mapping[str, Sequence[Candidate]], int], dict[str, Candidate]]


@pytest.fixture(scope="session")
def choose() -> Choose:
    """Draws one candidate for each slot."""

    def draw(candidates: Mapping[str, Sequence[Candidate]], seed: int) -> dict[str, Candidate]:
        random = np.random.default_rng(seed)
        return {path: options[random.integers(len(options))] for path, options in candidates.items()}

    return draw
