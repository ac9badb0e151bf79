"""What a search finds is kept only if no uniform network of the same cost is better."""

import itertools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from qnas.core.components import Space
from qnas.core.network import Candidate
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform import best_of, uniform_networks
from qnas.core.spec import Spec
from qnas.core.training.checkpoints import Checkpoints

from .test_sensitivity import Own

MakeTask = Callable[..., SearchTask]
CHAIN = {
    "name": "skeleton",
    "channels": 4,
    "body": ["residual"],
    "operations": ["native", "conv1x1"],
    "bits": [2, 4, 8],
}


def choice(task: SearchTask, bits: Mapping[str, int], operation: str = "native") -> dict[str, Candidate]:
    """The network with these bits, by the beginning of slots' paths; by default 4."""
    return {
        path: next(
            one
            for one in of_slot
            if one.operation.known_as == operation
            and one.widths.weight == next((b for start, b in bits.items() if path.startswith(start)), 4)
        )
        for path, of_slot in task.candidates.items()
    }


def cost(task: SearchTask, chosen: Mapping[str, Candidate]) -> float:
    return float(task.expected("bitops", task.rows(chosen)))


def test_rivals_are_native_cost_no_more_and_have_the_most_bits(make_task: MakeTask) -> None:
    task = make_task(space=Space.of(CHAIN))
    found = choice(task, {"head": 8, "upsample": 8, "body": 2})
    rivals = dict(uniform_networks(task, found))
    assert list(rivals) == ["uniform 4", "uniform mix"]
    assert {one.widths.weight for one in rivals["uniform 4"].values()} == {4}
    assert all(one.operation.is_native for chosen in rivals.values() for one in chosen.values())
    assert all(cost(task, chosen) <= cost(task, found) for chosen in rivals.values())
    native = [[one for one in of_slot if one.operation.is_native] for of_slot in task.candidates.values()]
    paths = list(task.candidates)
    within = [
        chosen
        for numbers in itertools.product(*native)
        if cost(task, chosen := dict(zip(paths, numbers, strict=True))) <= cost(task, found)
    ]

    def bits(chosen: Mapping[str, Candidate]) -> float:
        return sum(math.log2(one.widths.weight) for one in chosen.values())

    assert bits(rivals["uniform mix"]) == max(map(bits, within))


def test_under_limits_they_may_cost_as_much_as_these_allow(make_task: MakeTask) -> None:
    free = make_task(space=Space.of(CHAIN))
    most = cost(free, choice(free, {"": 8}))
    task = make_task(space=free.space, limits={"bitops": int(most)})
    rivals = dict(uniform_networks(task, choice(task, {"": 2})))
    assert list(rivals) == ["uniform 8"]  # a mix of more bits does not exist


def test_what_was_found_is_no_rival_of_itself(make_task: MakeTask) -> None:
    task = make_task(space=Space.of(CHAIN))
    assert "uniform 4" not in dict(uniform_networks(task, choice(task, {})))


def test_where_a_slot_has_no_native_operation_there_are_none(make_task: MakeTask) -> None:
    task = make_task(space=Space.of({**CHAIN, "operations": ["conv1x1", "conv5x5"]}))
    assert dict(uniform_networks(task, choice(task, {}, "conv1x1"))) == {}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A space with weights that make an image."""
    torch.manual_seed(3)
    network = Own()
    torch.nn.init.zeros_(network.first.weight)
    torch.nn.init.zeros_(network.last.weight)
    with torch.no_grad():
        for channel in range(3):
            network.first.weight[channel, channel, 1, 1] = 1
            network.last.weight[4 * channel : 4 * channel + 4, channel, 1, 1] = 1
    torch.save(network.state_dict(), tmp_path / "own.pth")
    target = f"{Own.__module__}:Own"
    return {"name": "module", "target": target, "weights": str(tmp_path / "own.pth"), "bits": [[2, 4], [4, 2], 4]}


def test_a_uniform_network_that_is_better_is_kept_and_the_result_says_so(
    make_task: MakeTask, own: dict[str, Any]
) -> None:
    task = make_task(space=Space.of(own))
    worse = {path: next(o for o in of_slot if o.widths == (4, 2)) for path, of_slot in task.candidates.items()}
    limited = make_task(space=task.space, limits={"bitops": 10**9})
    outcome = best_of(limited, SearchOutcome(limited.architecture(worse), limited.architecture(worse)), 1, 4)
    assert outcome.details["kept"] == "uniform 4"
    assert {choice.candidate().widths for choice in outcome.best.slots.values()} == {(4, 4)}
    judged = outcome.details["judged"]
    assert judged["uniform 4"]["psnr"] == max(one["psnr"] for one in judged.values())
    assert judged["found"]["bitops"] == cost(task, worse)
    assert outcome.last == task.architecture(worse)


def test_what_was_found_is_kept_if_it_is_better(make_task: MakeTask, own: dict[str, Any]) -> None:
    task = make_task(
        space=Space.of({**own, "bits": [[2, 2], [4, 4], [8, 8]], "slots": [{"match": "middle", "bits": [2, 8]}]})
    )
    found = {path: max(of_slot, key=lambda one: one.widths) for path, of_slot in task.candidates.items()}
    found["middle"] = task.candidates["middle"][0]
    outcome = best_of(task, SearchOutcome(task.architecture(found), task.architecture(found)), 1, 4)
    assert outcome.details["kept"] == "found"
    assert outcome.best == task.architecture(found)


def test_by_default_the_tuning_takes_a_tenth_of_the_search_and_none_in_older_specs() -> None:
    assert Searcher.of({"name": "differentiable", "steps": 401}).tuning_steps() == 41
    assert Searcher.of({"name": "random", "tuning": 0}).tuning_steps() == 0
    assert Searcher.of({"name": "differentiable", "steps": 80_000}).tuning_steps() == 200
    assert Searcher.of("sensitivity").tuning_steps() == 100  # it can't plan its steps
    assert Spec.model_validate({"name": "a", "version": 2}).search.tuning_steps() == 0
    assert Spec.model_validate({"name": "a"}).search.tuning_steps() > 0


def test_an_operation_that_is_the_native_one_by_its_own_name_counts_as_native(make_task: MakeTask) -> None:
    task = make_task(space=Space.of({"name": "basic", "channels": 6, "cells": 1, "bits": [4, 8]}))
    native = {
        path: [one.operation.name for one in of_slot if task.is_native(path, one)]
        for path, of_slot in task.candidates.items()
    }
    assert all(len(set(names)) == 1 for names in native.values()), native
    assert set(native["head.0"]) == {"conv3x3"}
    found = {path: of_slot[-1] for path, of_slot in task.candidates.items()}
    assert "uniform 8" in dict(uniform_networks(task, found))


class Stopping(Checkpoints):
    def heed(self) -> None:
        raise KeyboardInterrupt


def test_a_stop_is_heeded_while_they_are_tuned(make_task: MakeTask) -> None:
    task = make_task(space=Space.of(CHAIN), checkpoints=Stopping())
    found = task.architecture(choice(task, {"head": 8}))
    with pytest.raises(KeyboardInterrupt):
        best_of(task, SearchOutcome(found, found), 2, 2)
