"""The fitted grid against a search over many."""

import numpy as np
import pytest
import torch

from qnas.core.components import integer_range
from qnas.quantizers.least_error import least_error_grid, spanning_grid

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
WIDTHS = pytest.mark.parametrize("bits", [2, 4, 8])
SIGNS = pytest.mark.parametrize("signed", [False, True])


def error(x: np.ndarray, step: float, offset: float, q_min: int, q_max: int) -> float:
    return float(np.mean((np.clip(np.rint((x - offset) / step), q_min, q_max) * step + offset - x) ** 2))


@WIDTHS
@SIGNS
@pytest.mark.parametrize("name", SAMPLES)
def test_no_grid_on_a_lattice_of_many_is_clearly_better(name, bits, signed):
    x = SAMPLES[name]
    q_min, q_max = integer_range(bits, signed)
    step, offset = least_error_grid(torch.tensor(x), q_min, q_max)
    ours = error(x, float(step), float(offset), q_min, q_max)
    ends = np.quantile(x, np.linspace(0, 1, 30))  # where a grid may begin and end
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
