"""The contract of spaces."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from qnas.core.components import Quantizer, Space, costs_with
from qnas.core.network import Candidate, count_choices, count_space, one_hot, slot_candidates
from qnas.testing.contract import contract
from qnas.testing.counting import COUNTING
from qnas.testing.failure import told_as
from qnas.testing.network import Choices, check_float, check_found, check_round_trip, check_supernet, originals

Candidates = Mapping[str, Sequence[Candidate]]
_TRIES = 2


def check_space(reference: Space | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a space meets its contract, at every scale that it supports.

    It can be written and read again. Its networks return an image of the right size that depends on the input. It can
    be filled with its original operations, with any of its candidates and with all of them at once. Its cost equals a
    count of its layers as they run, and the cost that the search expects. Nothing outside layers is multiplied with
    weights, unless one of its notices says that something is "not counted". An architecture survives JSON, down to the
    network's output. A slot that says that it reads no negative values reads none. Gradients reach every trained
    parameter, and in float they are not all zeros. In evaluation it is deterministic.

    Args:
        reference: A space, its name, or a mapping of its name and fields. Choose small values: its networks are run.
        seed: Decides which architectures are tried.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Space.of, reference) as space:
        assert space.scales, "it supports no scale"
        for scale in sorted(space.scales):
            with told_as(f"at scale {scale}"):
                _check_at(space, scale, seed)


def _check_at(space: Space, scale: int, seed: int) -> None:
    torch.manual_seed(seed)
    candidates = slot_candidates(space, scale)
    drawn = [_drawn(candidates, random.Random(f"{seed} {i}")) for i in range(_TRIES)]
    fillings = [*originals(space, scale), *drawn]
    for chosen in fillings:
        check_found(space, scale, chosen)
    check_float(space, scale, fillings[0])
    for chosen in drawn:
        check_round_trip(space, scale, chosen)
    _check_expected_cost(space, scale, candidates, drawn)
    check_supernet(space, scale)


def _drawn(candidates: Candidates, pick: random.Random) -> Choices:
    return {path: pick.choice(options) for path, options in candidates.items()}


def _check_expected_cost(space: Space, scale: int, candidates: Candidates, drawn: Sequence[Choices]) -> None:
    quantizer = Quantizer.of(COUNTING)
    counts, costs = count_space(space, scale, quantizer), costs_with()
    tables = {name: counts.table(cost) for name, cost in costs.items()}
    for chosen in drawn:
        rows, count = one_hot(candidates, chosen), count_choices(space, scale, chosen, quantizer)
        for name, cost in costs.items():
            expected, found = int(tables[name].expected(rows)), count.total(cost)
            what = cost.title or name
            assert expected == found, f"the search expects {expected} {what} for a network that has {found}"
