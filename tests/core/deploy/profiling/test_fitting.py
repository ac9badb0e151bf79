"""Times of networks that are sums, with and without errors of measurement."""

import numpy as np
import pytest

from qnas.core.components import Operation
from qnas.core.deploy.profiling.design import draw_balanced, how_many, information
from qnas.core.deploy.profiling.fitting import fit_additive, held_out_error, predicted
from qnas.core.network import Candidate

SLOTS, CANDIDATES = 7, 4
ALONE = range(SLOTS * CANDIDATES)
"""No candidate has kin."""


@pytest.fixture
def counts() -> np.ndarray:
    """(40, 28): every slot has one of its own four candidates."""
    random = np.random.default_rng(0)
    chosen = random.integers(CANDIDATES, size=(40, SLOTS))
    return np.eye(CANDIDATES)[chosen].reshape(40, -1)


@pytest.fixture
def times() -> np.ndarray:
    """(28,): the quickest of a slot takes 0."""
    rows = np.random.default_rng(1).uniform(0, 0.01, (SLOTS, CANDIDATES))
    return (rows - rows.min(axis=1, keepdims=True)).ravel()


def test_times_that_are_sums_are_found_again(counts, times) -> None:
    constant, found = fit_additive(counts, 0.02 + counts @ times, ALONE)
    assert constant == pytest.approx(0.02, rel=1e-3)
    np.testing.assert_allclose(found, times, atol=2e-5)
    assert held_out_error(counts, 0.02 + counts @ times, ALONE) < 0.01


def test_errors_of_measurement_hardly_reach_the_predictions(counts, times) -> None:
    random = np.random.default_rng(2)
    others = np.eye(CANDIDATES)[random.integers(CANDIDATES, size=(500, SLOTS))].reshape(500, -1)
    noisy = (0.02 + counts @ times) * random.normal(1, 0.02, 40)
    errors = predicted(fit_additive(counts, noisy, ALONE), others) / (0.02 + others @ times) - 1
    assert np.median(np.abs(errors)) < 0.03
    assert 0 < held_out_error(counts, noisy, ALONE) < 0.08


@pytest.mark.parametrize(("apart", "noise", "at_most"), [(0.0, 0.01, 0.7), (0.0, 0.05, 0.7), (3e-3, 0.01, 1.05)])
def test_times_of_kin_tell_of_each_other_as_far_as_they_are_alike(apart: float, noise: float, at_most: float) -> None:
    errors: dict[str, list[float]] = {"alone": [], "together": []}
    for seed in range(6):
        random = np.random.default_rng(seed)
        counts, others = (
            np.eye(CANDIDATES)[random.integers(CANDIDATES, size=(number, SLOTS))].reshape(number, -1)
            for number in (40, 500)
        )
        times = np.repeat(random.uniform(0, 0.01, len(ALONE) // 2), 2) + apart * (np.arange(len(ALONE)) % 2)
        noisy = (0.02 + counts @ times) * random.normal(1, noise, 40)
        for label, kin in (("alone", ALONE), ("together", [number // 2 for number in ALONE])):
            off = predicted(fit_additive(counts, noisy, kin), others) / (0.02 + others @ times) - 1
            errors[label].append(np.median(np.abs(off)))
    assert np.mean(errors["together"]) < at_most * np.mean(errors["alone"])


def test_no_time_is_negative(counts) -> None:
    seconds = np.random.default_rng(3).uniform(1, 2, 40)  # which candidates don't explain
    constant, found = fit_additive(counts, seconds, ALONE)
    assert constant >= 0 and (found >= 0).all()


def test_the_scale_of_time_does_not_matter(counts, times) -> None:
    seconds = 0.02 + counts @ times
    np.testing.assert_allclose(
        fit_additive(counts, 1e-3 * seconds, ALONE)[1], 1e-3 * fit_additive(counts, seconds, ALONE)[1]
    )


def test_a_few_networks_have_no_error() -> None:
    assert held_out_error(np.ones((4, 1)), np.ones(4), [0]) is None


@pytest.fixture
def candidates() -> dict[str, list[Candidate]]:
    options = [Candidate(Operation.of(name), None) for name in ("conv1x1", "conv3x3", "conv5x5")]
    return {"a": options, "b": options[:2], "c": options, "d": options}


def test_every_candidate_of_a_slot_comes_equally_often(candidates) -> None:
    networks = draw_balanced(candidates, [0, 1, 2, 2], 13, seed=0)
    for path, options in candidates.items():
        often = [sum(chosen[path] == option for chosen in networks) for option in options]
        assert sum(often) == 13 and max(often) - min(often) <= 1
    assert all(chosen["c"] == chosen["d"] for chosen in networks)
    assert any(chosen["a"] != chosen["c"] for chosen in networks)
    assert networks == draw_balanced(candidates, [0, 1, 2, 2], 13, seed=0)
    assert networks != draw_balanced(candidates, [0, 1, 2, 2], 13, seed=1)


def test_there_are_more_networks_than_candidates_unless_there_is_one_network() -> None:
    assert how_many(20, 1000) > 20
    assert how_many(3, 1) == 1


def test_slots_that_always_change_together_tell_less() -> None:
    both = np.eye(2)[[0, 1, 0, 1]]
    other = np.eye(2)[[0, 1, 1, 0]]
    assert information(np.hstack([both, both])) < information(np.hstack([both, other]))
