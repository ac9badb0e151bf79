"""Times that a clock of our own tells."""

import numpy as np
import pytest

from qnas.core.deploy.timing import FEWEST, MOST, PRECISE, SETTLE, Timing, time_in_turn


class Clock:
    """A clock that calls put forward."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, *seconds: float):
        """A call that takes so long, the first time, the second time, and so on again from the first."""

        def take() -> None:
            self.now += seconds[self.called.count(name) % len(seconds)]
            self.called.append(name)

        return take


def test_median_and_spread_are_those_of_numpy():
    seconds = np.random.default_rng(0).gamma(2.0, size=31).tolist()
    timing = Timing.of(seconds)
    assert timing.median == pytest.approx(np.median(seconds))
    assert timing.spread == pytest.approx(np.percentile(seconds, 75) - np.percentile(seconds, 25))
    assert timing.rounds == 31
    assert timing.uncertainty == pytest.approx(1.57 * timing.spread / np.sqrt(31) / timing.median)


def test_calls_that_take_equally_long_each_time_need_the_fewest_rounds():
    clock = Clock()
    timings = time_in_turn({"a": clock.call("a", 0.25), "b": clock.call("b", 0.5)}, clock=clock)
    assert {name: timing.median for name, timing in timings.items()} == {"a": 0.25, "b": 0.5}
    assert {timing.rounds for timing in timings.values()} == {FEWEST}
    assert {timing.spread for timing in timings.values()} == {0.0}


def test_calls_that_differ_are_repeated_to_the_last_round_unless_that_makes_them_certain():
    clock, told = Clock(), []
    wild = {"a": clock.call("a", 1.0), "b": clock.call("b", 1.0, 1.0, 1.0, 5.0)}
    assert time_in_turn(wild, clock=clock, report=told.append)["b"].rounds == MOST
    assert told == [*range(1, MOST + 1)]
    assert time_in_turn(wild, 3, clock=clock)["b"].rounds == 3
    mild = time_in_turn({"c": clock.call("c", 1.0, 1.0, 1.0, 1.08)}, clock=clock)["c"]
    assert FEWEST < mild.rounds < MOST
    assert mild.uncertainty <= PRECISE


def test_every_turn_begins_with_calls_that_are_not_timed_and_every_second_round_is_reversed():
    clock = Clock()
    time_in_turn({"a": clock.call("a", 1.0), "b": clock.call("b", 1.0)}, 4, clock=clock)
    assert clock.called == [*"aabb", *"bbaa"] * 2
    quick = Clock()
    seconds = SETTLE / 4
    timing = time_in_turn({"a": quick.call("a", seconds)}, 1, clock=quick)["a"]
    assert timing.median == pytest.approx(seconds)
    assert len(quick.called) in {5, 6}  # as long as it takes to settle, and the one that counts


def test_the_first_call_which_prepares_the_rest_does_not_count():
    clock = Clock()
    slow_start = iter([9.0])

    def take() -> None:
        clock.now += next(slow_start, 0.2)

    assert time_in_turn({"a": take}, 5, clock=clock)["a"] == Timing(pytest.approx(0.2), pytest.approx(0), 5)
