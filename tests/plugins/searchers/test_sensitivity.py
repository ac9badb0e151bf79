"""The search by sensitivity."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Space
from qnas.core.files.state import State, Stateful
from qnas.core.network.calibration import calibrate
from qnas.core.search.searcher import Searcher
from qnas.core.search.sensitivity import Sensitivity, start_of_alpha
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform import best_of
from qnas.core.spec import Spec
from qnas.core.training.checkpoints import Checkpoints

MakeTask = Callable[..., SearchTask]
SEARCH = {"name": "sensitivity", "batch": 4}


class Own(nn.Module):
    """A network of a user's, whose middle convolution hardly matters."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 4), (4, 4), (4, 12)))
        nn.init.constant_(self.middle.weight, 1e-3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.first(image).relu()
        return nn.functional.pixel_shuffle(self.last(features + self.middle(features)), 2)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A space of that network with weights, and three widths in each slot."""
    torch.manual_seed(3)
    torch.save(Own().state_dict(), tmp_path / "own.pth")
    return {"name": "module", "target": f"{__name__}:Own", "weights": str(tmp_path / "own.pth"), "bits": [8, 4, 2]}


def bitops(task: SearchTask, numbers: tuple[int, ...]) -> float:
    options = task.candidates.items()
    chosen = {path: of_slot[number] for (path, of_slot), number in zip(options, numbers, strict=True)}
    return float(task.expected("bitops", task.rows(chosen)))


def test_it_takes_the_least_sum_of_errors_within_the_limit(make_task: MakeTask, own: dict[str, Any]) -> None:
    free = make_task(space=Space.of(own))
    at_four = bitops(free, (1, 1, 1))
    task = make_task(space=free.space, limits={"bitops": int(at_four)})
    outcome = Searcher.of(SEARCH).search(task)
    told = outcome.details["sensitivity"]
    rises = [list(of_slot.values()) for of_slot in told.values()]
    within = [numbers for numbers in itertools.product(range(3), repeat=3) if bitops(task, numbers) <= at_four]
    best = min(within, key=lambda numbers: sum(row[number] for row, number in zip(rises, numbers, strict=True)))
    widths = [candidate.widths.weight for candidate in outcome.best.candidates().values()]
    assert widths == [(8, 4, 2)[number] for number in best]
    assert [record["of"] for record in task.journal.folder.history("search")] == []


def test_an_error_is_that_of_the_network_with_one_other_choice(make_task: MakeTask, own: dict[str, Any]) -> None:
    task = make_task(space=Space.of(own))
    sensitivity = Sensitivity(task, 4)
    sensitivity.measure(lambda done, of: None)
    assert len(sensitivity.errors) == len(sensitivity.psnr) == 1 + 3 * 2
    rises = sensitivity.rises()
    batch = task.sampler(task.images.training, 4, "sensitivity").draw().lr
    scores = []
    for first in (0, 2):
        options = task.candidates
        network = task.build({path: of_slot[first if path == "first" else 0] for path, of_slot in options.items()})
        calibrate(network.eval(), lambda network=network: network(batch))
        scores.append(task.validate(network))
    (of_reference, of_case) = scores
    assert rises[0, 2] == pytest.approx(of_case[1] - of_reference[1], abs=0)
    assert (sensitivity.psnr[0], sensitivity.psnr[2]) == (of_reference[0], of_case[0])
    assert (rises[:, 0] == 0).all()
    assert rises[0, 2] > 10 * abs(rises[1, 2])


class Kept(Checkpoints):
    """Keeps the state after each step, and restores the one that it was given."""

    def __init__(self, state: State | None = None, until: int = 10**6) -> None:
        self.given = self.state = state
        self.until, self.kept = until, 0

    def restore(self, loop: Stateful) -> int:
        if self.given is not None:
            loop.load_state_dict(self.given)
        return 0

    def keep(self, step: int, loop: Stateful) -> None:
        self.kept, self.state = step, loop.state_dict()
        if step == self.until:
            raise KeyboardInterrupt


def test_it_goes_on_where_it_was_stopped(make_task: MakeTask, own: dict[str, Any]) -> None:
    space, search, stopped = Space.of(own), Searcher.of(SEARCH), Kept(until=3)
    limits = {"bitops": int(bitops(make_task(space=space), (1, 1, 1)))}
    whole = search.search(make_task(space=space, limits=limits))
    with pytest.raises(KeyboardInterrupt):
        search.search(make_task(space=space, limits=limits, checkpoints=stopped))
    resumed = Kept(stopped.state)
    assert search.search(make_task(space=space, limits=limits, checkpoints=resumed)) == whole
    assert resumed.kept == 7


def test_slots_that_share_a_choice_change_together(make_task: MakeTask, own: dict[str, Any]) -> None:
    sensitivity = Sensitivity(
        make_task(space=Space.of({"name": "basic", "channels": 6, "cells": 2, "shared": ["body.*"]})), 4
    )
    leaders = sensitivity.task.leaders
    assert {case.slot for case in sensitivity.cases} == set(leaders)
    for case in sensitivity.cases:
        changed = sensitivity._chosen(case)
        before = sensitivity._chosen(None)
        assert [changed[path] != before[path] for path in before] == [leader == case.slot for leader in leaders]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limits": {"bitops": "1G"}}, "'sensitivity' starts from float weights, but the space 'basic' states none"),
        ({"space": "own"}, "'sensitivity' needs a limit, or a front: without them, the widest bits are the best"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(fields: dict[str, Any], said: str, own: dict[str, Any]) -> None:
    space = own if fields.pop("space", "") else "basic"
    with pytest.raises(ValidationError, match=said):
        Spec.model_validate({"name": "a", "scale": 2, "search": "sensitivity", "space": space, **fields})


def test_alpha_starts_from_the_errors(make_task: MakeTask, own: dict[str, Any]) -> None:
    task = make_task(space=Space.of(own))
    sensitivity = Sensitivity(task, 2)
    sensitivity.measure(lambda done, of: None)
    rises = sensitivity.rises()
    alpha = start_of_alpha(rises)
    assert ((alpha <= 0) & (alpha >= -4)).all()
    torch.testing.assert_close(alpha[rises <= 0], torch.zeros_like(alpha[rises <= 0]))
    within = (rises > 0) & (alpha > -4)
    torch.testing.assert_close(alpha[within], (-rises / rises.clamp(min=0).mean())[within])
    settings = {"name": "differentiable", "steps": 2, "epochs": 1, "batch": 2, "start": "sensitivity"}
    search = Searcher.of(settings).begin(task)
    assert torch.equal(search.supernet.alpha.detach(), alpha.float())
    assert torch.equal(search.start, search.supernet.probabilities().new_tensor([[1 / 3] * 3] * 3))


def test_what_sensitivity_would_find_is_judged_beside_the_search(make_task: MakeTask, own: dict[str, Any]) -> None:
    space = Space.of(own)
    limits = {"bitops": int(bitops(make_task(space=space), (1, 1, 1)))}
    wanted = Searcher.of(SEARCH).search(make_task(space=space, limits=limits)).best
    settings = {"name": "differentiable", "steps": 2, "epochs": 2, "batch": 4, "start": "sensitivity"}
    stopped = Kept(until=1)
    with pytest.raises(KeyboardInterrupt):
        Searcher.of(settings).search(make_task(space=space, limits=limits, checkpoints=stopped))
    resumed = make_task(space=space, limits=limits, checkpoints=Kept(stopped.state))
    outcome = Searcher.of({**settings, "start": "uniform"}).search(resumed)  # measured again, it could be another
    assert {name: rival.candidates() for name, rival in outcome.rivals.items()} == {"sensitivity": wanted.candidates()}
    options = resumed.candidates.items()
    first, last = (resumed.architecture({path: of_slot[n] for path, of_slot in options}) for n in (0, -1))
    rivals = {"again": last, "sensitivity": first}
    judged = best_of(resumed, replace(outcome, best=last, rivals=rivals), 1, 4).details["judged"]
    assert {"found", "sensitivity"} < judged.keys()
    assert "again" not in judged


def test_a_start_by_sensitivity_needs_weights() -> None:
    with pytest.raises(ValidationError, match="can't start by sensitivity: the space 'basic' states no weights"):
        Spec.model_validate({"name": "a", "search": {"start": "sensitivity"}})
