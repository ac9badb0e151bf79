"""Signs that a search collapsed."""

import pytest
import torch

from qnas.core.components import Cost, Space
from qnas.core.network import slot_candidates
from qnas.plugins.searchers.collapse import is_saturated, warnings_of

BODY = {"name": "basic", "channels": 6, "cells": 2, "operations": {"body": ["identity", "native", "conv1x1"]}}


def told_of(task, choose) -> list[str]:
    """The warnings about the architecture that has ``choose(candidates, macs)`` in each slot."""
    options = slot_candidates(task.space, task.scale)
    rows = task.prices[Cost.of("macs")].slots.tolist()
    chosen = {
        path: choose(candidates, row[: len(candidates)])
        for (path, candidates), row in zip(options.items(), rows, strict=True)
    }
    return list(warnings_of(task.architecture(chosen), task))


def dearest(candidates, macs):
    return max(
        zip(macs, [c.widths.weight if c.widths else 0 for c in candidates], candidates, strict=True),
        key=lambda t: t[:2],
    )[2]


def cheapest(candidates, macs):
    return min(
        zip(macs, [c.widths.weight if c.widths else 0 for c in candidates], candidates, strict=True),
        key=lambda t: t[:2],
    )[2]


def without_layers(candidates, macs):
    return (cheapest if 0 in macs else dearest)(candidates, macs)


def test_the_cheapest_network_is_told_once(make_task):
    for task in (make_task(), make_task(space=Space.of(BODY))):
        (told,) = told_of(task, cheapest)
        assert told.startswith("the search found the cheapest network of the space: ")


def test_the_dearest_network_is_told_once_with_what_to_raise(make_task):
    for task in (make_task(), make_task(space=Space.of(BODY))):
        (told,) = told_of(task, dearest)
        assert told.startswith("the search found the most expensive network of the space: ")
        assert told.endswith("raise the weight of the cost (regularizers.cost.weight)")


def test_where_one_slot_is_not_the_dearest_nothing_is_said(make_task):
    first = []

    def all_but_one(candidates, macs):
        first.append(len(first) == 1)
        return (cheapest if first[-1] else dearest)(candidates, macs)

    assert told_of(make_task(), all_but_one) == []


@pytest.mark.parametrize("fields", [{"operations": ["conv3x3"], "bits": [4]}, {"operations": ["native"], "bits": [32]}])
def test_where_there_is_no_choice_nothing_is_said(make_task, fields):
    assert told_of(make_task(space=Space.of({"name": "basic", "channels": 6, "cells": 1, **fields})), dearest) == []


def test_a_network_without_any_layer_that_can_be_left_out_is_told(make_task):
    task = make_task(space=Space.of(BODY))
    (told,) = told_of(task, without_layers)
    slots = sum(
        any(c.operation.name == "identity" for c in options) for options in slot_candidates(task.space, 2).values()
    )
    assert slots == 4
    assert told.startswith("the search left out every layer that it could (4 slots compute nothing): ")
    assert told.endswith("lower the weight of the cost (regularizers.cost.weight)")


def test_one_layer_that_stays_is_enough_to_say_nothing(make_task):
    met = []

    def all_but_one(candidates, macs):
        met.append(0 in macs)
        return dearest(candidates, macs) if sum(met) == 1 else without_layers(candidates, macs)

    assert told_of(make_task(space=Space.of(BODY)), all_but_one) == []


def test_a_space_in_which_nothing_can_be_left_out_says_nothing_of_that(make_task):
    (told,) = told_of(make_task(), without_layers)
    assert "left out" not in told


def test_saturated_is_nearly_one_hot_beside_the_start():
    start = torch.full((2, 4), 0.25)
    nearly = torch.tensor([[0.997, 0.001, 0.001, 0.001], [1.0, 0.0, 0.0, 0.0]])
    assert is_saturated(nearly, start)
    assert not is_saturated(torch.tensor([[0.7, 0.1, 0.1, 0.1], [1.0, 0.0, 0.0, 0.0]]), start)
    assert not is_saturated(start, start)
    assert not is_saturated(torch.ones(2, 1), torch.ones(2, 1))  # there is nothing to decide
