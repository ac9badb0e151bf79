"""Runs the same work for many items at once."""

import threading
import time

import pytest

from qnas.core.images.threads import in_threads


def test_results_come_in_order_and_progress_counts_up():
    told: list[int] = []
    assert in_threads(lambda n: (time.sleep((5 - n) / 500), n * n)[1], range(5), 3, told.append) == [0, 1, 4, 9, 16]
    assert told == [1, 2, 3, 4, 5]


def test_as_many_are_at_work_as_asked_for():
    together = threading.Barrier(3, timeout=5)
    assert sorted(in_threads(lambda _: together.wait(), range(6), 3, lambda done: None)) == [0, 0, 1, 1, 2, 2]


def test_when_one_fails_no_other_is_begun():
    begun: list[int] = []

    def work(n: int) -> None:
        begun.append(n)
        if n == 2:
            raise KeyError(n)
        time.sleep(0.01)

    with pytest.raises(KeyError):
        in_threads(work, range(1000), 2, lambda done: None)
    assert len(begun) < 20


def test_nothing_to_do():
    assert in_threads(str, [], 2, lambda done: None) == []
