"""The contract of searchers: each way to break it is reported."""

import itertools
from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from qnas.core.components import Space
from qnas.core.deprecation import QnasDeprecationWarning
from qnas.core.network import Architecture, Candidate, Supernet, slot_candidates
from qnas.core.search.outcome import SearchOutcome
from qnas.core.search.searcher import Searcher
from qnas.core.settings import Widths
from qnas.testing import check_searcher


class First(Searcher):
    """Meets the contract: it takes the first candidates. Most others break one thing."""

    steps: int = 3

    def planned_steps(self):
        return self.steps

    def search(self, task):
        self.report(task.journal)
        chosen = self.chosen(task)
        return self.outcome(SearchOutcome(task.architecture(chosen), task.architecture(chosen)), task)

    def report(self, journal):
        for step in range(1, self.steps + 1):
            journal.step(step, {})
        journal.record(self.steps, {"loss": 0.0})

    def chosen(self, task):
        return {path: options[0] for path, options in slot_candidates(task.space, task.scale).items()}

    def outcome(self, outcome, task):
        return outcome


class Relaxed(First):
    """Meets the contract: it leaves a supernet."""

    leaves_supernet: ClassVar[bool] = True

    def outcome(self, outcome, task):
        supernet = Supernet(task.space, task.scale, task.search_quantizer)
        return replace(outcome, supernet=supernet.state_dict(), supernet_psnr=30.0)


class Drawing(First):
    """Meets the contract: the seed decides what it draws."""

    def chosen(self, task):
        options = slot_candidates(task.space, task.scale)
        drawn = {path: choices[int(torch.randint(len(choices), ()))] for path, choices in options.items()}
        return task.allowed.nearest(drawn)


class Planless(First):
    steps: int = 0


class Lazy(First):
    def report(self, journal):
        journal.step(1, {})


class Eager(First):
    def report(self, journal):
        for step in range(1, self.steps + 2):
            journal.step(step, {})


class Backwards(First):
    def report(self, journal):
        for step in range(self.steps, 0, -1):
            journal.step(step, {})


class Outcomeless(First):
    def outcome(self, outcome, task):
        return outcome.best


class Elsewhere(First):
    def outcome(self, outcome, task):
        space = Space.of({"name": "basic", "channels": 8, "cells": 1})
        return replace(outcome, last=Architecture.from_candidates(space, 2, outcome.last.candidates()))


class Inventive(First):
    def chosen(self, task):
        return {path: Candidate(c.operation, Widths(3, 3)) for path, c in super().chosen(task).items()}


class Partial(First):
    def chosen(self, task):
        return dict(list(super().chosen(task).items())[1:])


class Moody(First):
    calls: ClassVar = itertools.count()

    def chosen(self, task):
        index = next(self.calls)
        return {path: options[index] for path, options in slot_candidates(task.space, task.scale).items()}


class Unsaid(Relaxed):
    leaves_supernet: ClassVar[bool] = False


class Promising(First):
    leaves_supernet: ClassVar[bool] = True


class Unjudged(Relaxed):
    def outcome(self, outcome, task):
        return replace(super().outcome(outcome, task), supernet_psnr=None)


class Incomplete(Relaxed):
    def outcome(self, outcome, task):
        return replace(super().outcome(outcome, task), supernet={"alpha": torch.zeros(3)})


class Verbose(First):
    def outcome(self, outcome, task):
        return replace(outcome, details={"best": outcome.best})


class Heedless(First):
    def chosen(self, task):
        return {path: options[-1] for path, options in slot_candidates(task.space, task.scale).items()}


class Crashing(First):
    def search(self, task):
        raise RuntimeError("no way")


@pytest.mark.parametrize("component", [First, Relaxed, Drawing])
def test_one_that_keeps_it_passes(registered, component):
    check_searcher(registered(component))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Planless, r"^the searcher 'planless': it plans 0 steps but reports 1: \[0\]$"),
        (Lazy, r"it plans 3 steps but reports 1: \[1\]"),
        (Eager, r"it plans 3 steps but reports 4: \[1, 2, 3, 4\]"),
        (Backwards, r"it reports its steps out of order: \[3, 2, 1\]"),
        (Outcomeless, "it returns an object of type Architecture, not a SearchOutcome"),
        (Elsewhere, "its last architecture: it has a different space or scale"),
        (Inventive, "its best architecture: architecture: slots.* is not a candidate of its space"),
        (Partial, "its best architecture: architecture: its slots are not those of its space"),
        (Moody, "searching again with the same seed gives a different best architecture"),
        (Unsaid, "it leaves a supernet, so it should set leaves_supernet = True"),
        (Promising, "it says that it leaves a supernet, but leaves none"),
        (Unjudged, "it leaves a supernet without its PSNR"),
        (Incomplete, "a network can't start from the supernet that it leaves: RuntimeError"),
        (Verbose, "its details can't be written as JSON"),
        (Crashing, "RuntimeError: no way"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_searcher(registered(component))


def test_one_that_ignores_limits_is_warned(registered):
    with pytest.warns(QnasDeprecationWarning, match=r"ignores task.limits \(under .* use task.draw and task.allowed"):
        check_searcher(registered(Heedless))
