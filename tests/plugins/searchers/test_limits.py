"""Searches under limits: whatever the space, the limits and the searcher, none exceeds, and none is begun in vain."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from qnas.core.components import Space
from qnas.core.network import count_choices, count_space, leaders, slot_candidates
from qnas.core.search.searcher import Searcher
from qnas.core.spec import Spec
from qnas.core.spec.spec import UNTRIED
from qnas.plugins.searchers.collapse import warnings_of
from qnas.plugins.searchers.updates import AlternatingSearch, JointSearch

COSTS = ("bitops", "macs", "params", "size")
SEARCHES: tuple[dict[str, Any], ...] = (
    {"name": "differentiable", "steps": 2, "epochs": 2, "batch": 1, "alpha_learning_rate": 0.3},
    {"name": "differentiable", "steps": 3, "epochs": 1, "batch": 1, "relaxation": "gumbel-hard"},
    {"name": "random", "samples": 2, "steps": 1, "batch": 1},
    {"name": "differentiable", "steps": 2, "epochs": 1, "batch": 1, "update": "joint", "alpha_learning_rate": 0.3},
)


def small_spec(seed: int) -> dict[str, Any]:
    """A space of a few thousand networks at most, and limits that may be out of reach, each or together."""
    random = np.random.default_rng(seed)
    bits = sorted(random.choice([2, 3, 4, 6, 8], size=2, replace=False).tolist())
    body = random.choice(["conv1x1", "conv3x3", "separable3x3", "identity"], size=2, replace=False).tolist()
    space = {
        "name": "basic",
        "channels": int(random.integers(3, 6)),
        "cells": int(random.integers(1, 3)),
        "bits": bits,
        "operations": {"all": ["native"], "body": body},
        "shared": ["body.*"],
    }
    spec: dict[str, Any] = {"name": "small", "scale": 2, "space": space, "search": SEARCHES[seed % len(SEARCHES)]}
    tables = tables_of(Spec.model_validate(spec, context=UNTRIED))
    named = random.choice(COSTS, size=random.integers(1, 4), replace=False).tolist()
    shares = random.uniform(-0.1, 0.6, size=len(named))
    limits = {
        name: max(0, round(tables[name].lowest + share * (tables[name].highest - tables[name].lowest)))
        for name, share in zip(named, shares, strict=True)
    }
    return {**spec, "limits": limits}


def tables_of(spec: Spec) -> dict[str, Any]:
    count = count_space(spec.space, spec.scale, spec.quantizer.train)
    return {name: count.table(cost) for name, cost in spec.counted_costs.items()}


def can_be_kept(spec: Spec) -> bool:
    """Whether any network keeps to all limits, by trying them all."""
    options = list(slot_candidates(spec.space, spec.scale).values())
    shared = leaders(spec.space, slot_candidates(spec.space, spec.scale))
    choices = sorted(set(shared))
    every = np.array(list(itertools.product(*(range(len(options[slot])) for slot in choices))))
    assert len(every) <= 10_000
    numbers = every[:, [choices.index(leader) for leader in shared]]  # (networks, slots)
    keeps = np.ones(len(every), dtype=bool)
    for name, limit in spec.limits.items():
        table = tables_of(spec)[name]
        keeps &= table.fixed + table.slots.numpy()[np.arange(len(shared)), numbers].sum(axis=1) <= limit
    return bool(keeps.any())


def search(seed: int, make_task) -> bool:
    """Search as a spec says, if it is valid; whether it is."""
    written = small_spec(seed)
    try:
        spec = Spec.model_validate(written)
    except ValidationError as error:
        assert "must be at least" in str(error)
        assert not can_be_kept(Spec.model_validate(written, context=UNTRIED))
        return False
    assert can_be_kept(spec)
    task = make_task(space=spec.space, regularizers=spec.regularizers, limits=spec.limits, seed=seed)
    with warnings.catch_warnings(action="ignore"):
        outcome = spec.search.search(task)
    for found in (outcome.best, outcome.last):
        count = count_choices(spec.space, spec.scale, found.candidates(), spec.quantizer.train)
        for name, limit in spec.limits.items():
            assert count.total(spec.counted_costs[name]) <= limit
    return True


def test_no_search_exceeds_a_limit_and_none_is_begun_that_could_not_keep_it(make_task) -> None:
    assert {search(seed, make_task) for seed in (3, 5)} == {True, False}


@pytest.mark.slow
@pytest.mark.thorough
def test_of_a_hundred_searches_none_exceeds_a_limit(make_task) -> None:
    begun = [search(seed, make_task) for seed in range(100)]
    assert 25 < sum(begun) < 90


def settings(**fields: Any) -> Any:
    return Searcher.of({"name": "differentiable", "steps": 6, "epochs": 2, "batch": 1, **fields})


SPACE = {"name": "basic", "channels": 4, "cells": 1, "bits": [4, 8], "operations": ["native", "conv1x1"]}


def limited(make_task, share: float):
    free = make_task(space=Space.of(SPACE))
    table = free.prices[free.costs["bitops"]]
    limit = round(table.lowest + share * (table.highest - table.lowest))
    return make_task(space=free.space, limits={"bitops": limit})


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AlternatingSearch, JointSearch])
def test_alpha_follows_the_limit_without_a_weight(make_task, kind) -> None:
    """With a limit, what is most probable becomes cheaper than without."""
    costs = []
    for task in (make_task(space=Space.of(SPACE)), limited(make_task, 0.02)):
        search = kind(settings(steps=40, alpha_learning_rate=0.1), task)
        search.run()
        costs.append(float(task.expected("bitops", search.supernet.probabilities().detach())))
    assert costs[1] < 0.7 * costs[0]


def test_the_history_says_what_the_network_would_use_and_the_multipliers(make_task) -> None:
    task = limited(make_task, 0.1)
    outcome = settings().search(task)
    history = list(task.journal.folder.history("search"))
    assert all(line["chosen"]["bitops"] <= task.limits["bitops"] for line in history)
    assert all(line["multipliers"]["bitops"] >= 0 for line in history)
    best = task.expected("bitops", task.rows(outcome.best.candidates()))
    assert float(best) in {line["chosen"]["bitops"] for line in history}
    free = make_task(space=task.space)
    settings().search(free)
    assert not any({"chosen", "multipliers"} & line.keys() for line in free.journal.folder.history("search"))


def test_multipliers_are_kept_in_checkpoints(make_task) -> None:
    task = limited(make_task, 0.02)
    search = AlternatingSearch(settings(alpha_learning_rate=0.1), task)
    search.run()
    assert search.alpha.multipliers is not None
    assert search.alpha.multipliers.values.item() > 0
    again = AlternatingSearch(settings(alpha_learning_rate=0.1), task)
    again.load_state_dict(search.state_dict())
    assert again.alpha.multipliers is not None
    assert torch.equal(again.alpha.multipliers.values, search.alpha.multipliers.values)


def test_the_cheapest_network_is_told_of_where_the_limit_has_room_for_more(make_task) -> None:
    for share, told in ((0.0, []), (0.5, ["the search found the cheapest network of the space, though limits.bitops"])):
        task = limited(make_task, share)
        rows = zip(task.candidates.items(), task.prices[task.costs["bitops"]].slots.tolist(), strict=True)
        cheapest = {
            path: min(zip(row, options, strict=False), key=lambda one: one[0])[1] for (path, options), row in rows
        }
        lines = list(warnings_of(task.architecture(cheapest), task))
        assert [line.partition(" has room")[0] for line in lines] == told
