"""MATLAB's imresize, against its definition in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from qnas.core.images.resample import imresize


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def keys(x: Fraction) -> Fraction:
    """The cubic convolution kernel with a = -1/2 (Keys 1981, eq. 15)."""
    x = abs(x)
    if x < 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    return -Fraction(1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2 if x < 2 else Fraction(0)


def mirrored(index: int, length: int) -> int:
    """Beyond an edge, the samples repeat in reverse, the outermost first."""
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def exact(samples: list[int], new: int) -> list[Fraction]:
    """A line of samples resized, before it is rounded."""
    scale = Fraction(new, len(samples))
    stretch = max(1 / scale, Fraction(1))
    results = []
    for position in range(new):
        centre = (position + Fraction(1, 2)) / scale - Fraction(1, 2)
        taps = range(math.ceil(centre - 2 * stretch), math.floor(centre + 2 * stretch) + 1)
        weights = [keys((centre - tap) / stretch) for tap in taps]
        values = [samples[mirrored(tap, len(samples))] for tap in taps]
        results.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return results


def roundings(value: Fraction) -> set[int]:
    """The nearest of 0 to 255; both in a tie, which floating-point sums may break either way."""
    above, tie = math.floor(value + Fraction(1, 2)), (value + Fraction(1, 2)).denominator == 1
    is_binary = value.denominator & (value.denominator - 1) == 0
    return {min(max(result, 0), 255) for result in ({above, above - 1} if tie and not is_binary else {above})}


@settings(max_examples=80)
@given(old=st.integers(1, 24), new=st.integers(1, 24), seed=st.integers(0, 1000), across=st.booleans())
def test_a_line_is_what_the_definition_says(old, new, seed, across):
    line = noise(seed, old, 1)
    made = imresize(line.swapaxes(0, 1), (1, new)).swapaxes(0, 1) if across else imresize(line, (new, 1))
    assert (made.shape, made.dtype) == ((new, 1, 3), np.uint8)
    for channel in range(3):
        truth = exact(line[:, 0, channel].tolist(), new)
        for pixel, value in zip(made[:, 0, channel].tolist(), truth, strict=True):
            near = Fraction(1, 10**9)
            assert pixel in roundings(value) | roundings(value + near) | roundings(value - near)


@pytest.mark.parametrize("new", [16, 64, 128])
def test_halves_are_rounded_up(new):
    """With powers of two every sum is exact, so even ties are as in MATLAB."""
    line = noise(1, 32, 60)
    made, ties = imresize(line, (new, 60)), 0
    for column in range(60):
        truth = exact(line[:, column, 0].tolist(), new)
        ties += sum(value.denominator == 2 for value in truth)
        assert made[:, column, 0].tolist() == [min(max(math.floor(v + Fraction(1, 2)), 0), 255) for v in truth]
    assert ties > 0


@settings(max_examples=60)
@given(
    old=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    new=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 1000),
)
def test_the_side_that_shrinks_most_is_resized_first_and_rounded(old, new, seed):
    image = noise(seed, *old)
    rows_first = Fraction(new[0], old[0]) <= Fraction(new[1], old[1])
    between = imresize(image, (new[0], old[1]) if rows_first else (old[0], new[1]))
    np.testing.assert_array_equal(imresize(image, new), imresize(between, new))


def test_the_order_of_the_sides_makes_a_difference():
    image = noise(0, 40, 40)
    columns_first = imresize(imresize(image, (40, 10)), (10, 10))
    assert (imresize(image, (10, 10)) != columns_first).any()


@settings(max_examples=40)
@given(
    shade=st.integers(0, 255),
    old=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    new=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_a_flat_image_stays_flat(shade, old, new):
    assert (imresize(np.full((*old, 3), shade, dtype=np.uint8), new) == shade).all()


def test_an_image_of_that_size_already_stays_as_it_is():
    image = noise(0, 13, 17)
    np.testing.assert_array_equal(imresize(image, (13, 17)), image)


@pytest.mark.parametrize(("new", "step"), [(30, 8), (15, 16), (120, 2), (240, 1)])
def test_a_ramp_stays_a_ramp_but_at_its_ends(new, step):
    ramp = (4 * np.arange(60, dtype=np.uint8))[:, None, None].repeat(5, axis=1).repeat(3, axis=2)
    inner = imresize(ramp, (new, 5))[new // 8 : -new // 8, 0, 0].astype(int)
    assert (np.diff(inner) == step).all()


def test_an_edge_overshoots_and_is_clipped():
    edge = np.zeros((8, 8, 3), dtype=np.uint8)
    edge[:, 4:] = (100, 255, 255)
    enlarged = imresize(edge, (8, 16)).astype(int)
    assert enlarged[..., 0].max() > 100
    assert (enlarged[0, 8:, 1] >= 254).any()
    assert enlarged[0, 7, 0] < 50 < enlarged[0, 8, 0]


def test_the_image_is_left_as_it_is_and_may_be_read_only_and_of_any_order_in_memory():
    image = noise(0, 16, 24)
    odd = np.asfortranarray(image)[:, ::-1]
    odd.setflags(write=False)
    made = imresize(odd, (4, 6))
    np.testing.assert_array_equal(made, imresize(np.ascontiguousarray(odd), (4, 6)))
    np.testing.assert_array_equal(image, noise(0, 16, 24))
    assert made.flags.c_contiguous
    assert made.flags.writeable


def test_images_wider_than_what_is_filtered_at_once():
    image = noise(0, 4, 4200)
    halves = [imresize(part, (2, 2100)) for part in (image[:, :2100], image[:, 2100:])]
    np.testing.assert_array_equal(imresize(image, (2, 4200)), np.concatenate(halves, axis=1))
