"""The generators of a run: saved and restored."""

import random

import numpy as np
import torch

from qnas.core.files.state import from_bytes, to_bytes
from qnas.core.network.probing.seeds import generator_states, put_generators, seed_everything


def draw() -> list[float]:
    return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.randn(()))]


def test_all_generators_go_on_from_where_they_stood():
    seed_everything(3)
    draw()  # leaves the second of a pair of normal numbers behind, in Python and in NumPy
    kept = to_bytes(generator_states())
    drawn = [draw() for _ in range(3)]
    seed_everything(4)
    assert draw() != drawn[0]
    put_generators(from_bytes(kept))
    assert [draw() for _ in range(3)] == drawn


def test_looking_draws_nothing():
    seed_everything(3)
    drawn = draw()
    seed_everything(3)
    generator_states()
    assert draw() == drawn
