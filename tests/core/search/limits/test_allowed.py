"""The networks of real spaces that keep to limits."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from qnas.core.components import Operation, Quantizer, Space, costs_with
from qnas.core.errors import InputError
from qnas.core.network import Candidate, CostTable, count_choices, count_space, leaders, slot_candidates
from qnas.core.search.limits.allowed import AllowedNetworks
from qnas.core.search.limits.refusal import notices, refuse_unmeetable
from qnas.core.settings import Widths

BASIC = {"name": "basic", "channels": 4, "cells": 2, "operations": ["native"], "bits": [2, 4, 8]}
SHARED = {**BASIC, "shared": ["body.*"]}
LSQ = Quantizer.of("lsq")
COSTS = costs_with()


def allowed(limits: Mapping[str, int], space: Mapping[str, Any] = SHARED) -> AllowedNetworks:
    return AllowedNetworks.of(Space.of(space), 2, LSQ, COSTS, limits)


def spent(chosen: Mapping[str, Candidate], space: Mapping[str, Any] = SHARED) -> dict[str, int]:
    """What the network itself has, counted as a whole."""
    count = count_choices(Space.of(space), 2, chosen, LSQ)
    return {name: count.total(cost) for name, cost in COSTS.items()}


def middle(name: str, share: float, space: Mapping[str, Any] = SHARED) -> int:
    table = count_space(Space.of(space), 2, LSQ).table(COSTS[name])
    return round(table.lowest + share * (table.highest - table.lowest))


def scores(seed: int, space: Mapping[str, Any] = SHARED) -> torch.Tensor:
    options = slot_candidates(Space.of(space), 2)
    return torch.randn(len(options), max(map(len, options.values())), generator=torch.Generator().manual_seed(seed))


def test_limits_hold_for_the_network_as_it_is_counted_by_itself() -> None:
    limits = {"bitops": middle("bitops", 0.2), "size": middle("size", 0.3)}
    networks = allowed(limits)
    random = np.random.default_rng(0)
    for seed in range(2):
        for chosen in (networks.best(scores(seed)), networks.draw(random)):
            assert networks.allows(chosen)
            assert all(spent(chosen)[name] <= limit for name, limit in limits.items())
    free = allowed({})
    drawn = [free.draw(random) for _ in range(6)]
    kept = [all(spent(one)[name] <= limit for name, limit in limits.items()) for one in drawn]
    assert [networks.allows(one) for one in drawn] == kept
    assert {True, False} == set(kept)


def test_slots_that_share_a_choice_get_the_same_and_all_of_them_are_paid() -> None:
    networks, own = allowed({"bitops": middle("bitops", 0.2)}), scores(3)
    chosen = networks.best(own)
    space = Space.of(SHARED)
    options = slot_candidates(space, 2)
    first = leaders(space, options)
    paths = list(options)
    assert any(leader != slot for slot, leader in enumerate(first))
    assert all(chosen[path] == chosen[paths[leader]] for path, leader in zip(paths, first, strict=True))
    table = count_space(space, 2, LSQ).table(COSTS["bitops"])
    choices = sorted(set(first))
    best = -np.inf
    for numbers in itertools.product(*(range(len(options[paths[slot]])) for slot in choices)):
        taken = dict(zip(choices, numbers, strict=True))
        cost = table.fixed + sum(float(table.slots[slot, taken[leader]]) for slot, leader in enumerate(first))
        if cost <= networks.limits["bitops"]:
            best = max(best, sum(float(own[slot, number]) for slot, number in taken.items()))
    got = sum(float(own[slot, options[paths[slot]].index(chosen[paths[slot]])]) for slot in choices)
    assert got == pytest.approx(best)


def test_the_nearest_is_itself_if_allowed_and_else_changes_as_little_as_it_can() -> None:
    free, networks = allowed({}, BASIC), allowed({"bitops": middle("bitops", 0.9, BASIC)}, BASIC)
    dearest = {path: options[-1] for path, options in slot_candidates(Space.of(BASIC), 2).items()}
    nearest = networks.nearest(dearest)
    changed = [path for path in dearest if nearest[path] != dearest[path]]
    assert len(changed) == 1  # the largest slot at 2 bits saves more than a tenth
    assert networks.nearest(nearest) == nearest
    assert free.nearest(dearest) == dearest


def test_what_is_drawn_without_limits_is_what_always_was() -> None:
    from qnas.core.network.sharing import draw_network

    space = Space.of(SHARED)
    options = slot_candidates(space, 2)
    before = draw_network(leaders(space, options), options, np.random.default_rng(5))
    assert allowed({}).draw(np.random.default_rng(5)) == before


def test_where_a_single_network_is_allowed_it_is_drawn() -> None:
    space = {**BASIC, "bits": [2, 3, 4, 5, 6, 7, 8]}
    networks = allowed({"bitops": middle("bitops", 0, space)}, space)
    drawn = networks.draw(np.random.default_rng(0))
    assert spent(drawn, space)["bitops"] == networks.limits["bitops"]


def refusal(limits: Mapping[str, int]) -> tuple[str, tuple[str | int, ...]]:
    with pytest.raises(InputError) as caught:
        refuse_unmeetable(allowed(limits), COSTS)
    return str(caught.value), caught.value.field


def test_a_limit_below_the_cheapest_is_refused_with_it() -> None:
    lowest = middle("bitops", 0)
    refuse_unmeetable(allowed({"bitops": lowest, "size": middle("size", 0)}), COSTS)
    least = f"must be at least {lowest:,} BitOps, what the cheapest network of the space has (got {lowest - 1:,})"
    assert refusal({"size": 10**6, "bitops": lowest - 1}) == (least, ("bitops",))


def test_limits_that_contradict_each_other_are_refused_with_the_least_that_there_is() -> None:
    """What is cheap by one cost is dear by the other."""
    bitops, params = (torch.tensor(rows, dtype=torch.float64) for rows in ([[1, 5], [2, 9]], [[50, 3], [90, 1]]))
    tables = {"bitops": CostTable(100, bitops, 103, 114), "params": CostTable(0, params, 4, 140)}
    options = {path: [Candidate(Operation.of("native"), Widths(bits, bits)) for bits in (4, 8)] for path in "ab"}

    def refused(**limits: int) -> str:
        with pytest.raises(InputError) as caught:
            refuse_unmeetable(AllowedNetworks(options, [0, 1], limits, tables), COSTS)
        return f"{caught.value.field[0]}: {caught.value}"

    least = "must be at least 93 parameters, the least of the networks that keep to bitops"
    assert refused(bitops=107, params=60) == f"params: {least} (got 60)"
    assert refused(bitops=107, params=92) == f"params: {least} (got 92)"
    refuse_unmeetable(AllowedNetworks(options, [0, 1], {"bitops": 107, "params": 93}, tables), COSTS)
    assert refused(params=51, bitops=109).startswith("bitops: must be at least 110 BitOps, the least of the networks")


def test_a_limit_that_rules_nothing_out_is_noticed() -> None:
    highest = middle("bitops", 1)
    assert list(notices(allowed({"bitops": highest - 1}), COSTS)) == []
    (line,) = notices(allowed({"bitops": highest, "size": middle("size", 0.5)}), COSTS)
    assert line == f"limits.bitops rules no network out: the dearest network of the space has {highest:,} BitOps"
