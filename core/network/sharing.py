"""Slots that share one choice, like all cells of a network with one genotype."""

import fnmatch
import math
from collections.abc import Mapping, Sequence

import numpy as np

from qnas.core.components import Space
from qnas.core.errors import InputError, from_field
from qnas.core.network.candidate import Candidate

Candidates = Mapping[str, Sequence[Candidate]]


def leaders(space: Space, candidates: Candidates) -> list[int]:
    """For each slot, the number of the first slot that it shares its choice with, which may be its own.

    Raises:
        InputError: A pattern of ``space.shared`` matches no slot, or the candidates of two slots differ.
    """
    paths = list(candidates)
    found = list(range(len(paths)))
    for index, pattern in enumerate(space.shared):
        with from_field("shared", index):
            groups = _groups(paths, pattern)
            if not groups:
                raise InputError(f"'{pattern}' matches no part of the network that has slots{_example(paths)}")
            for group in groups:
                _refuse_other_candidates([paths[slot] for slot in group], candidates)
                joined = {found[slot] for slot in group}
                found = [min(joined) if leader in joined else leader for leader in found]
    return found


def draw_network(shared: Sequence[int], candidates: Candidates, random: np.random.Generator) -> dict[str, Candidate]:
    """A network, each choice uniformly at random; slots that share one get the same candidate.

    Args:
        shared: The leader of each slot, as :func:`leaders` returns it.
        candidates: The candidates of each slot.
        random: Draws.
    """
    drawn: list[Candidate] = []
    for index, (leader, options) in enumerate(zip(shared, candidates.values(), strict=True)):
        drawn.append(drawn[leader] if leader < index else options[int(random.integers(len(options)))])
    return dict(zip(candidates, drawn, strict=True))


def count_networks(space: Space, candidates: Candidates) -> int:
    """The number of networks in a space."""
    options = list(candidates.values())
    return math.prod(len(options[leader]) for leader in set(leaders(space, candidates)))


def _groups(paths: Sequence[str], pattern: str) -> list[list[int]]:
    """The slots that share a choice: those with the same name in the parts that match."""
    wanted = pattern.split(".")
    groups: dict[tuple[str, ...], list[int]] = {}
    for slot, path in enumerate(paths):
        words = path.split(".")
        if len(words) >= len(wanted) and all(map(fnmatch.fnmatchcase, words, wanted)):
            groups.setdefault(tuple(words[len(wanted) :]), []).append(slot)
    return list(groups.values())


def _refuse_other_candidates(paths: Sequence[str], candidates: Candidates) -> None:
    first, *others = paths
    for other in others:
        odd = [c.label for c in candidates[first] if c not in candidates[other]]
        odd += [c.label for c in candidates[other] if c not in candidates[first]]
        if odd or list(candidates[first]) != list(candidates[other]):
            what = f"only one of them has {', '.join(odd)}" if odd else "they are in another order"
            raise InputError(f"'{first}' and '{other}' can't share a choice: their candidates differ ({what})")


def _example(paths: Sequence[str]) -> str:
    """Examples of valid patterns: the parts with numbers."""
    numbered = dict.fromkeys(".".join([*path.split(".")[:1], "*"]) for path in paths if "." in path)
    return f" (such as: {', '.join(list(numbered)[:3])})" if numbered else ""
