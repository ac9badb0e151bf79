"""Which networks are timed to learn how long each candidate takes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qnas.core.deploy.profiling.fitting import Floats
from qnas.core.network import Candidate

_NETWORKS_EACH = 1.5
"""How many networks are timed for each candidate whose time is unknown."""
_SLIGHT = 1e-4
"""What keeps the determinant above zero, as what a slot's candidates have in common can't be told from the rest."""


def how_many(candidates: int, networks: int) -> int:
    """How many networks are to be timed.

    Args:
        candidates: How many there are, alike ones counted once.
        networks: How many the space has.
    """
    return 1 if networks == 1 else math.ceil(_NETWORKS_EACH * candidates) + 1


def information(counts: Floats) -> float:
    """How much the times of networks tell of their candidates: the logarithm of the determinant (D-optimality).

    Args:
        counts: (networks, candidates) how often a network has a candidate.
    """
    design = np.hstack([np.ones((len(counts), 1)), counts])
    return float(np.linalg.slogdet(design.T @ design + _SLIGHT * np.eye(design.shape[1]))[1])


def draw_balanced(
    candidates: Mapping[str, Sequence[Candidate]], shared: Sequence[int], count: int, seed: int
) -> list[dict[str, Candidate]]:
    """Random networks in which every slot has each of its candidates equally often, give or take one.

    It is a Latin hypercube (McKay, Beckman and Conover 1979): each slot goes through its candidates in an order of its
    own, and again in another.

    Args:
        candidates: Of each slot by its path.
        shared: The leader of each slot, as :func:`qnas.core.network.leaders` returns it.
        count: How many networks.
        seed: Decides the order.
    """
    random, options = np.random.default_rng(seed), list(candidates.values())
    turns = {leader: _turns(len(options[leader]), count, random) for leader in sorted(set(shared))}
    slots = list(zip(candidates.items(), shared, strict=True))
    return [{path: of[turns[leader][network]] for (path, of), leader in slots} for network in range(count)]


def _turns(size: int, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(count,) numbers below ``size``, all of them before any comes again."""
    return np.concatenate([random.permutation(size) for _ in range(-(-count // size))])[:count]
