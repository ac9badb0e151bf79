"""The fitted grids against a search over many."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from skimage.data import astronaut

from qnas.core.components import integer_range
from qnas.quantizers.hwgq import optimal_step
from qnas.quantizers.least_error import MOST_VALUES, least_error_grid, least_error_step, normal_step, spanning_grid

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=4000)
SAMPLES = {
    "normal": NORMAL,
    "after a ReLU": NORMAL.clip(0),
    "skewed": NORMAL / (1 + np.exp(-2 * NORMAL)),
    "heavy-tailed": RANDOM.standard_t(3, size=4000),
    "uniform": RANDOM.random(4000) - 0.2,
    "far from zero": NORMAL + 50,
}
DRAWN = {
    "normal": np.random.Generator.standard_normal,
    "laplace": np.random.Generator.laplace,
    "uniform": lambda random, size: random.uniform(-1, 1, size=size),
    "heavy-tailed": lambda random, size: random.standard_t(2, size=size),
    "an outlier": lambda random, size: np.append(random.normal(size=size - 1), 200.0),
    "few different": lambda random, size: random.choice([-1.0, -0.3, 0.0, 0.45, 0.5], size=size),
}
WIDTHS = pytest.mark.parametrize("bits", [2, 4, 8])
SIGNS = pytest.mark.parametrize("signed", [False, True])
SCALAR = torch.ones((), dtype=torch.float64)
FEW = settings(max_examples=30, derandomize=True, deadline=None)
CASES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(sorted(DRAWN)),
        "bits": st.integers(2, 8),
        "signed": st.booleans(),
        "seed": st.integers(0, 2**16),
    }
)


def error(x: np.ndarray, step: float, offset: float, q_min: int, q_max: int) -> float:
    return float(np.mean((np.clip(np.rint((x - offset) / step), q_min, q_max) * step + offset - x) ** 2))


def least_of_steps(x: np.ndarray, q_min: int, q_max: int) -> float:
    """The least error of 400 steps: each is some percent from the next, or close to the one that spans the values."""
    shares = np.concatenate([np.geomspace(0.005, 0.8, 200), np.linspace(0.8, 1.3, 200)])
    return min(error(x, spanning_step(x, q_min, q_max) * share, 0, q_min, q_max) for share in shares)


def spanning_step(x: np.ndarray, q_min: int, q_max: int) -> float:
    return max(x.max() / q_max, x.min() / q_min if q_min else 0)


def drawn(kind: str, bits: int, signed: bool, seed: int) -> tuple[np.ndarray, tuple[int, int]]:
    x = DRAWN[kind](np.random.default_rng(seed), size=600)
    return x if signed else x.clip(0), integer_range(bits, signed)


def step_of(x: np.ndarray, q_min: int, q_max: int) -> float:
    return float(least_error_step(torch.tensor(x), SCALAR, q_min, q_max))


@settings(max_examples=40, derandomize=True, deadline=None)
@given(case=CASES)
def test_no_step_of_many_is_clearly_better(case):
    x, limits = drawn(**case)
    ours = error(x, step_of(x, *limits), 0, *limits)
    if case["kind"] == "few different":  # the best of many steps fits them by chance
        assert ours <= error(x, spanning_step(x, *limits), 0, *limits) + 1e-12
    else:
        assert ours <= 1.12 * least_of_steps(x, *limits)


@FEW
@given(case=CASES, factor=st.floats(1e-6, 1e6))
def test_what_is_longer_by_a_factor_has_a_step_longer_by_that_factor(case, factor):
    x, limits = drawn(**case)
    step = step_of(x, *limits)
    scaled = step_of(x * factor, *limits)
    if case["kind"] == "few different":  # several steps may have no error at all
        assert error(x, scaled / factor, 0, *limits) == pytest.approx(error(x, step, 0, *limits), rel=1e-6, abs=1e-12)
    else:
        assert scaled == pytest.approx(step * factor, rel=1e-6)


@FEW
@given(bits=st.integers(2, 8), kinds=st.lists(st.sampled_from(sorted(DRAWN)), min_size=1, max_size=4))
def test_every_output_channel_has_the_step_that_it_has_alone(bits, kinds):
    rows = np.stack([drawn(kind, bits, True, seed)[0][:144] for seed, kind in enumerate(kinds)])
    q_min, q_max = integer_range(bits, True)
    like = torch.ones(len(rows), 1, 1, 1)
    steps = least_error_step(torch.tensor(rows).view(len(rows), 16, 3, 3), like, q_min, q_max)
    assert steps.shape == like.shape
    assert steps.flatten().tolist() == pytest.approx([step_of(row, q_min, q_max) for row in rows], rel=1e-9)


@pytest.mark.parametrize("signed", [False, True])
def test_at_16_bits_the_step_is_of_many_levels_and_the_error_near_that_of_the_best(signed):
    x, limits = drawn("normal", 16, signed, 0)
    step = step_of(x, *limits)
    spanning = spanning_step(x, *limits)
    assert error(x, step, 0, *limits) <= 1.05 * error(x, spanning, 0, *limits)
    assert 0.8 * spanning < step < 1.2 * spanning


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_weight_a_channel_lies_on_its_grid_and_zeros_tell_nothing(bits, dtype):
    weights = torch.tensor([0.5, -3.0, 0.0, 1e-20, 1e20], dtype=dtype).view(5, 1, 1, 1)
    q_min, q_max = integer_range(bits, True)
    steps = least_error_step(weights, torch.ones(5, 1, 1, 1), q_min, q_max)
    assert steps.dtype == torch.float32
    assert steps[2] == 0
    told = [0, 1, 3, 4]
    levels = weights.float()[told] / steps[told]
    torch.testing.assert_close(levels, levels.round().clamp(q_min, q_max), rtol=1e-5, atol=0)


@SIGNS
def test_where_all_is_on_the_wrong_side_there_is_no_step(signed):
    step = least_error_step(torch.full((1, 9), -0.7), torch.ones(()), *integer_range(4, signed))
    assert (step > 0) == signed


def test_values_that_are_not_finite_tell_nothing():
    for value in (torch.nan, torch.inf):
        assert not least_error_step(torch.tensor([[1.0, value]]), torch.ones(()), -8, 7) > 0


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_of_many_values_a_part_tells_the_step_of_all(bits):
    x = np.random.default_rng(0).laplace(size=(4, 16, 64, 96)).clip(0)
    assert x.size > 5 * MOST_VALUES
    limits = integer_range(bits, False)
    steps = [
        float(least_error_step(torch.tensor(x).to(memory_format=layout), SCALAR, *limits))
        for layout in (torch.contiguous_format, torch.channels_last)
    ]
    assert steps[0] == steps[1]
    spanning = spanning_step(x, *limits)
    least = min(error(x, spanning * share, 0, *limits) for share in np.geomspace(0.1, 1, 40))
    assert error(x, steps[0], 0, *limits) < 1.06 * least


def test_an_image_of_8_bits_lies_on_its_grid():
    image = torch.tensor(astronaut()[100:180, 100:180]).permute(2, 0, 1)[None] / 255
    assert image.max() == 1
    step = least_error_step(image, torch.ones(()), 0, 255)
    torch.testing.assert_close((image / step).round() * step, image)


@SIGNS
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_normal_step_is_as_good_as_the_best_for_a_normal_distribution(bits, signed):
    x = np.random.default_rng(0).normal(size=100_000)
    x, limits = x if signed else x.clip(0), integer_range(bits, signed)
    with torch.device("meta"):  # where networks are built to be counted
        normal_step.cache_clear()
        step = normal_step(*limits)
    assert error(x, step, 0, *limits) < 1.02 * error(x, optimal_step(bits, signed), 0, *limits)


@WIDTHS
@SIGNS
@pytest.mark.parametrize("name", SAMPLES)
def test_no_grid_on_a_lattice_of_many_is_clearly_better(name, bits, signed):
    x = SAMPLES[name]
    q_min, q_max = integer_range(bits, signed)
    step, offset = least_error_grid(torch.tensor(x), q_min, q_max)
    ours = error(x, float(step), float(offset), q_min, q_max)
    ends = np.quantile(x, np.linspace(0, 1, 30))  # the first and the last levels of a grid
    least = min(
        error(x, (high - low) / (q_max - q_min), low - q_min * (high - low) / (q_max - q_min), q_min, q_max)
        for low in ends
        for high in ends
        if high > low
    )
    assert ours < 1.03 * least


@WIDTHS
@SIGNS
def test_the_spanning_grid_begins_at_the_smallest_and_ends_at_the_largest(bits, signed):
    q_min, q_max = integer_range(bits, signed)
    values = torch.tensor([0.3, -1.25, 7.5, 2.0], dtype=torch.float64)
    step, offset = spanning_grid(values, q_min, q_max)
    assert float(step * q_min + offset) == pytest.approx(-1.25)
    assert float(step * q_max + offset) == pytest.approx(7.5)


@pytest.mark.parametrize("fit", [least_error_grid, spanning_grid])
@pytest.mark.parametrize("value", [0.0, 0.7, -3.0])
def test_equal_values_tell_the_offset_only(fit, value):
    step, offset = fit(torch.full((9,), value), -8, 7)
    assert step == 0
    assert offset.item() == pytest.approx(value)
