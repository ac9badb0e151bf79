"""The best choice under limits, against trying all of them."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from qnas.core.search.limits.knapsack import best_choice

MOST = 10_000


class Problem(NamedTuple):
    scores: list[np.ndarray]
    prices: list[list[np.ndarray]]
    limits: list[int]

    def best(self) -> list[int] | None:
        return best_choice([row.tolist() for row in self.scores], list(zip(self.tables(), self.limits, strict=True)))

    def tables(self) -> list[list[list[int]]]:
        return [[row.tolist() for row in table] for table in self.prices]

    def spent(self, chosen: tuple[int, ...] | list[int]) -> list[int]:
        """In Python's whole numbers."""
        return [sum(row[c] for row, c in zip(table, chosen, strict=True)) for table in self.tables()]

    def score(self, chosen: tuple[int, ...] | list[int]) -> float:
        return float(sum(row[c] for row, c in zip(self.scores, chosen, strict=True)))

    def allowed(self) -> list[tuple[int, ...]]:
        """Every choice that keeps to all limits."""
        every = np.array(list(itertools.product(*(range(len(row)) for row in self.scores))))
        keeps = np.ones(len(every), dtype=bool)
        for table, limit in zip(self.prices, self.limits, strict=True):
            keeps &= sum(row[every[:, s]] for s, row in enumerate(table)) <= limit
        return [tuple(chosen) for chosen in every[keeps].tolist()]


def problem(seed: int) -> Problem:
    """Up to 10,000 networks, up to three limits, prices of all magnitudes, scores with ties; perhaps unsolvable."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 8, size=random.integers(1, 8))
    while sizes.prod() > MOST:
        sizes = sizes[:-1]
    digits = random.integers(0, 3)
    scores = [random.normal(scale=10.0 ** random.integers(-3, 3), size=size).round(digits + 3) for size in sizes]
    prices = [
        [random.integers(0, 10 ** random.integers(1, 12), size=size) for size in sizes]
        for _ in range(random.integers(1, 4))
    ]
    some = [random.integers(size) for size in sizes]  # limits that this one just keeps, or just misses
    limits = [
        int(sum(row[c] for row, c in zip(table, some, strict=True))) - int(random.integers(2)) for table in prices
    ]
    return Problem(scores, prices, limits)


@pytest.mark.parametrize("seeds", [range(100), range(100, 200)], ids=str)
def test_it_is_the_best_of_all_that_are_allowed(seeds: range) -> None:
    solved = 0
    for seed in seeds:
        this = problem(seed)
        chosen, allowed = this.best(), this.allowed()
        assert (chosen is None) == (not allowed), seed
        if chosen is not None:
            assert all(cost <= limit for cost, limit in zip(this.spent(chosen), this.limits, strict=True)), seed
            assert this.score(chosen) == pytest.approx(max(map(this.score, allowed)), rel=1e-12, abs=1e-12), seed
            solved += 1
    assert 40 < solved < 100  # both happen


def test_a_limit_is_kept_to_the_last_unit() -> None:
    """Where floats would take the limit for kept: one in 10 ** 15 too much."""
    huge = 10**15
    scores, prices = [[0.0, 1.0], [0.0, 1.0]], [[0, huge], [0, 1]]
    assert best_choice(scores, [(prices, huge)]) in ([1, 0], [0, 1])
    assert best_choice(scores, [(prices, huge + 1)]) == [1, 1]


def test_without_a_limit_it_is_the_first_of_the_best() -> None:
    assert best_choice([[0.0, 2.0, 2.0], [1.0]], []) == [1, 0]


def test_in_a_space_too_large_to_try_it_is_as_good_as_that_of_integer_programming() -> None:
    random = np.random.default_rng(0)
    scores, prices = random.normal(size=(60, 20)), random.integers(1, 10**9, size=(60, 20))
    limit = int(prices.mean(axis=1).sum() / 2)
    chosen = best_choice(scores.tolist(), [(prices.tolist(), limit)])
    assert chosen is not None
    assert sum(int(row[c]) for row, c in zip(prices, chosen, strict=True)) <= limit
    one_each = LinearConstraint(np.kron(np.eye(60), np.ones(20)), 1, 1)
    cheap_enough = LinearConstraint(prices.ravel()[None] / limit, -np.inf, 1)
    solved = milp(-scores.ravel(), integrality=np.ones(1200), bounds=(0, 1), constraints=[one_each, cheap_enough])
    assert sum(row[c] for row, c in zip(scores, chosen, strict=True)) >= -solved.fun - 1e-6


def test_where_all_are_level_any_that_is_allowed_is_the_best() -> None:
    """As before alpha has moved. Two limits, so that no partial network is dearer than another by both."""
    random = np.random.default_rng(0)
    tables = [random.integers(0, 10**6, size=(40, 10)).tolist() for _ in range(2)]
    limits = [int(0.25 * sum(map(max, table))) for table in tables]
    chosen = best_choice(np.zeros((40, 10)).tolist(), list(zip(tables, limits, strict=True)))
    assert chosen is not None
    for table, limit in zip(tables, limits, strict=True):
        assert sum(row[c] for row, c in zip(table, chosen, strict=True)) <= limit


def test_limits_that_contradict_each_other_are_found_out_in_a_large_space() -> None:
    random = np.random.default_rng(0)
    prices = random.integers(0, 10**6, size=(40, 10))
    limit = int(prices.mean() * 40 * 0.9)
    against = (10**6 - prices).tolist()
    assert best_choice(np.zeros((40, 10)).tolist(), [(prices.tolist(), limit), (against, 39 * 10**6 - limit)]) is None


def test_a_choice_that_nothing_fits_is_no_choice() -> None:
    assert best_choice([[0.0], [0.0, 1.0]], [([[3], [4, 5]], 6)]) is None
