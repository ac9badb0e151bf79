"""Rounding and its three kinds of gradient, each against a sum written out number by number."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import integer_range
from qnas.quantizers.rounding import clip_and_round, round_straight, round_to_steps

FEW = settings(max_examples=60, derandomize=True)
CASES = st.fixed_dictionaries(
    {
        "bits": st.integers(2, 8),
        "signed": st.booleans(),
        "per_channel": st.booleans(),
        "steps": st.lists(st.floats(0.05, 2.0), min_size=3, max_size=3),
        "seed": st.integers(0, 2**16),
    }
)


class Drawn:
    """Values around the range of a grid, an upstream gradient, and the steps of three channels."""

    def __init__(self, bits: int, signed: bool, per_channel: bool, steps: list[float], seed: int) -> None:
        random = np.random.default_rng(seed)
        self.limits = integer_range(bits, signed)
        self.steps = np.array(steps if per_channel else steps[:1] * 3)
        self.offsets = random.normal(size=3) if per_channel else random.normal(size=1).repeat(3)
        self.x = random.normal(size=(3, 2, 2, 3)) * self.limits[1] * random.uniform(0.1, 1.5) * self.steps.mean()
        self.upstream = random.normal(size=self.x.shape)
        self.per_channel = per_channel

    def like_steps(self, values: np.ndarray) -> torch.Tensor:
        """A leaf in the shape that steps have."""
        shaped = values.reshape(3, 1, 1, 1) if self.per_channel else values[0]
        return torch.tensor(shaped, dtype=torch.float64, requires_grad=True)

    def summed(self, of_channel: np.ndarray) -> np.ndarray:
        """The gradient that the steps must have, from the sums of the channels."""
        return of_channel.reshape(3, 1, 1, 1) if self.per_channel else of_channel.sum()

    def backward(self, output: torch.Tensor) -> None:
        output.backward(torch.tensor(self.upstream))


def assert_close(actual: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=1e-9, atol=1e-9)


@FEW
@given(case=CASES, scale=st.floats(0.1, 2.0), delta=st.sampled_from([0.0, 0.3]), shifted=st.booleans())
def test_rounding_to_learned_steps(case, scale, delta, shifted):
    drawn = Drawn(**case)
    q_min, q_max = drawn.limits
    value, by_x = np.zeros_like(drawn.x), np.zeros_like(drawn.x)
    by_step, by_offset = np.zeros(3), np.zeros(3)
    for index in np.ndindex(*drawn.x.shape):
        channel, g = index[0], drawn.upstream[index]
        step, offset = drawn.steps[channel], drawn.offsets[channel] if shifted else 0.0
        v = (drawn.x[index] - offset) / step
        level = min(max(round(v), q_min), q_max)
        value[index] = step * level + offset
        by_step[channel] += scale * g * level
        by_offset[channel] += scale * g
        if q_min <= v <= q_max:  # back through the rounding, to v = (x - offset) / step
            through = g * (1 + delta * math.copysign(1, g) * (v - level) / (q_max - q_min))
            by_x[index] = through
            by_step[channel] -= scale * through * v
            by_offset[channel] -= scale * through

    x = torch.tensor(drawn.x, requires_grad=True)
    step = drawn.like_steps(drawn.steps)
    offset = drawn.like_steps(drawn.offsets) if shifted else None
    output = round_to_steps(x, step, q_min, q_max, offset=offset, gradient_scale=scale, delta=delta)
    drawn.backward(output)
    assert_close(output, value)
    assert_close(x.grad, by_x)
    assert_close(step.grad, drawn.summed(by_step))
    if offset is not None:
        assert_close(offset.grad, drawn.summed(by_offset))


@FEW
@given(case=CASES)
def test_clipping_and_rounding(case):
    drawn = Drawn(**case)
    q_min, q_max = drawn.limits
    value, by_x, by_step = np.zeros_like(drawn.x), np.zeros_like(drawn.x), np.zeros(3)
    for index in np.ndindex(*drawn.x.shape):
        step, g = drawn.steps[index[0]], drawn.upstream[index]
        v = drawn.x[index] / step
        value[index] = step * min(max(round(v), q_min), q_max)
        by_x[index] = g if q_min <= v <= q_max else 0.0
        by_step[index[0]] += g * (q_min if v < q_min else q_max if v > q_max else 0)

    x, step = torch.tensor(drawn.x, requires_grad=True), drawn.like_steps(drawn.steps)
    output = clip_and_round(x, step, q_min, q_max)
    drawn.backward(output)
    assert_close(output, value)
    assert_close(x.grad, by_x)
    assert_close(step.grad, drawn.summed(by_step))


def test_rounding_straight_passes_the_gradient_everywhere_and_none_to_the_step():
    x = torch.tensor([-9.0, -0.4, 0.6, 9.0], requires_grad=True)
    step = torch.tensor(0.5, requires_grad=True)
    output = round_straight(x, step, -2, 1)
    output.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert output.tolist() == [-1.0, -0.5, 0.5, 0.5]
    assert x.grad.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert step.grad is None


@pytest.mark.parametrize("function", [clip_and_round, round_straight, round_to_steps])
def test_the_tensor_is_left_as_it_is(function):
    tensor = torch.tensor([-3.0, 0.2, 0.8, 3.0])
    function(tensor, torch.tensor(0.5), -2, 1)
    assert torch.equal(tensor, torch.tensor([-3.0, 0.2, 0.8, 3.0]))
