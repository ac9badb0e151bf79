"""Signs that a search did not decide."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qnas.core.components import Regularizer, Space
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.search.task import SearchTask
from qnas.plugins.searchers.indecision import far_under, undecided

MakeTask = Callable[..., SearchTask]
SLOW = {"steps": 2, "epochs": 1, "batch": 2, "alpha_learning_rate": 1e-6}


class Enlarging(nn.Module):
    """A network of a user's that repeats pixels, if it is not quantized too coarsely."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 12, 3, padding=1)
        for layer, channels in ((self.first, 1), (self.last, 4)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                for channel in range(3):
                    layer.weight[channels * channel : channels * (channel + 1), channel, 1, 1] = 1

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.last(self.first(image)), 2)


@pytest.fixture
def enlarging(tmp_path: Path) -> Space:
    """A space of that network, in which 2 bits are far too few."""
    torch.save(Enlarging().state_dict(), tmp_path / "enlarging.pth")
    target = {"target": f"{__name__}:Enlarging", "weights": str(tmp_path / "enlarging.pth")}
    return Space.of({"name": "module", **target, "bits": [2, 8]})


def searched(task: SearchTask, **fields: Any) -> tuple[SearchOutcome, list[str]]:
    """The outcome of a search, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = Searcher.of({"name": "differentiable", **SLOW, **fields}).search(task)
    return outcome, [str(warning.message) for warning in caught]


def test_a_search_that_did_not_move_ends_undecided_and_says_what_to_raise(
    make_task: MakeTask, enlarging: Space
) -> None:
    entropies = {"sharp": Regularizer.of({"name": "entropy", "weight": 1e-9})}
    for regularizers, change in ((entropies, "raise regularizers.sharp.weight"), ({}, "add the regularizer entropy")):
        outcome, told = searched(make_task(space=enlarging, regularizers=regularizers))
        what = "the search ended undecided, with 100% of the entropy that it began with: "
        assert f"{what}raise search.alpha_learning_rate or search.steps, or {change}" in told
        assert outcome.details["notices"] == told


def test_one_that_decided_says_nothing_of_it(make_task: MakeTask, enlarging: Space) -> None:
    entropies = {"sharp": Regularizer.of({"name": "entropy", "weight": 10.0})}
    outcome, told = searched(make_task(space=enlarging, regularizers=entropies), steps=20, alpha_learning_rate=0.3)
    assert outcome.details["entropy_at_end"] < 0.5 * outcome.details["entropy_at_start"]
    assert not [notice for notice in told if "undecided" in notice]


def test_where_there_is_nothing_to_decide_nothing_is_undecided(make_task: MakeTask) -> None:
    ones = torch.ones(3, 1)
    assert list(undecided(ones, ones, make_task())) == []


def test_a_network_far_under_its_mixture_is_told_with_what_to_change(make_task: MakeTask, enlarging: Space) -> None:
    dear = {"cost": Regularizer.of({"name": "cost", "weight": 1e4})}  # so that it takes 2 bits, though undecided
    task = make_task(space=enlarging, regularizers=dear)
    outcome, told = searched(task)
    (record,) = task.journal.folder.history("search")
    gap = record["supernet_psnr"] - record["psnr"]
    assert gap > 1
    what = f"the network that was found is {gap:.1f} dB under the mixture that it was taken out of: raise search.steps"
    assert [notice.startswith(what) for notice in told] == [False, False, True]
    assert outcome.details["notices"] == told


def test_one_that_is_nearly_as_good_is_not_told(make_task: MakeTask) -> None:
    task = make_task()
    assert list(far_under(30.0, 29.5, task)) == list(far_under(30.0, 31.0, task)) == []
    (told,) = far_under(30.0, 28.0, make_task(limits={"bitops": 10**9}))
    assert told.endswith("or loosen the limits")
