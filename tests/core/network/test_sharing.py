"""Slots that share a choice: one row of alpha, one entropy, one draw, and the sum of their costs."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qnas.core.components import Cost, Part, Quantizer, Regularizer, Space
from qnas.core.errors import InputError
from qnas.core.network import (
    Architecture,
    SpaceCount,
    Supernet,
    count_found,
    count_networks,
    count_space,
    leaders,
    one_hot,
    slot_candidates,
    uniform,
)
from qnas.core.network.sharing import draw_network
from qnas.core.search.objective import SearchProgress
from qnas.core.search.prices import Prices
from qnas.plugins.searchers.relaxation import relax

LSQ, BITOPS = Quantizer.of("lsq"), Cost.of("bitops")


def cells(**fields):
    operations = {"body": ["conv3x3", "conv5x1-1x5"], "skip": ["conv1x1"], "all": ["conv3x3"]}
    fields = {"shared": ["body.*"], **fields}
    return Space.of({"name": "basic", "channels": 6, "cells": 3, "operations": operations, **fields})


def by_path(space):
    candidates = slot_candidates(space, 2)
    paths = list(candidates)
    return {path: paths[leader] for path, leader in zip(paths, leaders(space, candidates), strict=True)}


def test_slots_of_one_name_in_the_parts_that_match_have_one_leader():
    found = by_path(cells())
    assert found["body.1.body.skip"] == found["body.2.body.skip"] == "body.0.body.skip"
    assert found["body.2.body.chain.1"] == "body.0.body.chain.1"
    assert all(found[path] == path for path in found if not path.startswith("body."))
    assert all(path == leader for path, leader in by_path(cells(shared=[])).items())


@pytest.mark.parametrize(
    ("shared", "groups"),
    [
        (["body.[01]"], [{0, 1}, {2}]),
        (["body.[01]", "body.[12]"], [{0, 1, 2}]),
        (["body.*.body.chain"], [{0, 1, 2}]),
        (["body.0"], [{0}, {1}, {2}]),
    ],
)
def test_patterns_may_be_narrow_and_may_overlap(shared, groups):
    found = by_path(cells(shared=shared))
    for group, (one, other) in itertools.product(groups, itertools.combinations(range(3), 2)):
        together = found[f"body.{one}.body.chain.0"] == found[f"body.{other}.body.chain.0"]
        assert not {one, other} <= group or together
        assert together == any({one, other} <= any_group for any_group in groups)


def test_a_star_in_a_pattern_stands_for_no_dot():
    with pytest.raises(InputError, match=r"'\*\.chain' matches no part .*such as: head\.\*, body\.\*"):
        slot_candidates(cells(shared=["*.chain"]), 2)


def test_slots_with_other_candidates_can_not_share_a_choice():
    rule = {"match": "body.1.body.skip", "operations": ["conv1x1", "conv3x3"]}
    with pytest.raises(InputError, match=r"'body.0.body.skip' and 'body.1.body.skip' .* conv3x3 @ 4") as raised:
        slot_candidates(cells(slots=[rule]), 2)
    assert raised.value.field == ("shared", 0)


def test_networks_and_the_bounds_of_costs_are_those_of_all_that_there_are():
    """All 4 x 4 x 2 of them, built and counted one by one."""
    fixed = [{"match": part, "bits": [8]} for part in ("head", "upsample", "tail")]
    space = cells(slots=fixed)
    candidates = slot_candidates(space, 2)
    first = leaders(space, candidates)
    options = list(candidates.values())
    own = sorted(set(first))
    costs = []
    for choice in itertools.product(*(options[slot] for slot in own)):
        by_leader = dict(zip(own, choice, strict=True))
        chosen = {path: by_leader[leader] for path, leader in zip(candidates, first, strict=True)}
        costs.append(sum(map(BITOPS.of_convolution, count_found(space, 2, chosen, LSQ))))
    table = count_space(space, 2, LSQ).table(BITOPS)
    assert count_networks(space, candidates) == len(costs) == 4 * 4 * 2
    assert (table.lowest, table.highest) == (min(costs), max(costs))


def test_bounds_of_a_shared_choice_are_of_its_sum():
    """The cheapest candidate of one slot is the most expensive of the other: together, all cost the same."""
    itself = SimpleNamespace(of_candidate=lambda price: price, of_rest=lambda part: 0)
    rows = {"one": [1, 2], "other": [2, 1]}
    shared, apart = (SpaceCount(Part(), rows, first).table(itself) for first in ([0, 0], [0, 1]))
    assert (shared.lowest, shared.highest) == (3, 3)
    assert (apart.lowest, apart.highest) == (2, 4)


def test_all_cells_follow_one_row_and_its_gradient_is_the_sum_of_theirs():
    space = cells()
    torch.manual_seed(0)
    made, image = Supernet(space, 2, LSQ), torch.rand(1, 3, 8, 8)
    torch.nn.init.normal_(made.alpha)
    rows = made.probabilities()
    paths = list(made.slots)
    one, other = paths.index("body.0.body.chain.0"), paths.index("body.2.body.chain.0")
    assert torch.equal(rows[one], rows[other])
    free = rows.detach().requires_grad_()
    made(image, free).sum().backward()
    (by_alpha,) = torch.autograd.grad(made(image, rows).sum(), made.alpha)
    group = [index for index, path in enumerate(paths) if path.endswith("chain.0") and path.startswith("body.")]
    assert len(group) == 3
    total = free.grad[group].sum(0)
    p = rows[one].detach()
    torch.testing.assert_close(by_alpha[one], p * (total - (p * total).sum()))  # the softmax's own gradient
    assert not by_alpha[other].any()
    chosen = made.best()
    assert chosen[paths[one]] == chosen[paths[other]]
    assert {tie.slot for tie in made.ties(1.0)} == {paths[leader] for leader in made.leaders.tolist()} - {
        path for path, options in made.candidates.items() if len(options) == 1
    }


@pytest.mark.parametrize("relaxation", ["gumbel", "gumbel-hard"])
def test_random_relaxations_are_shared_too(relaxation):
    made = Supernet(cells(), 2, LSQ)
    torch.manual_seed(1)
    rows = made.shared(relax(made.logits(), relaxation, 1.0))
    assert torch.equal(rows, rows[made.leaders])
    assert not torch.equal(rows, made.probabilities())


def test_the_entropy_of_a_shared_choice_counts_once():
    space = cells()
    candidates = slot_candidates(space, 2)
    prices = Prices(count_space(space, 2, LSQ), torch.device("cpu"))
    rows = uniform(candidates)
    state = SearchProgress(torch.zeros_like(rows), rows, rows, 9, 10, prices)
    options = list(candidates.values())
    expected = sum(math.log(len(options[leader])) for leader in set(leaders(space, candidates)))
    assert Regularizer.of("entropy").penalty(state).item() == pytest.approx(expected)


def test_a_random_network_keeps_to_what_is_shared_and_draws_as_before_where_nothing_is():
    space = cells()
    candidates = slot_candidates(space, 2)
    drawn = [draw_network(leaders(space, candidates), candidates, np.random.default_rng(seed)) for seed in range(8)]
    assert all(chosen["body.0.body.chain.0"] == chosen["body.2.body.chain.0"] for chosen in drawn)
    assert len({chosen["body.0.body.chain.0"] for chosen in drawn}) > 1
    random = np.random.default_rng(3)
    apart = {path: options[random.integers(len(options))] for path, options in candidates.items()}
    alone = range(len(candidates))
    assert draw_network(alone, candidates, np.random.default_rng(3)) == apart


def test_an_architecture_that_breaks_the_tie_is_read_as_it_is():
    space = cells()
    candidates = slot_candidates(space, 2)
    chosen = {path: options[0] for path, options in candidates.items()}
    chosen["body.1.body.chain.0"] = candidates["body.1.body.chain.0"][-1]
    text = Architecture.from_candidates(space, 2, chosen).to_json()
    assert Architecture.from_json(text).candidates() == chosen
    assert one_hot(candidates, chosen).sum() == len(candidates)
