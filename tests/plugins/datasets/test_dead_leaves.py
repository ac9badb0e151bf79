import itertools

import numpy as np
import pytest

from qnas.plugins.datasets.dead_leaves import dead_leaves


def leaves(size: int = 48, seed: int = 0) -> np.ndarray:
    return dead_leaves(size, np.random.default_rng(seed))


@pytest.mark.parametrize("size", [16, 17, 64])
def test_an_image_is_8_bit_rgb_of_the_size_asked_for(size):
    image = leaves(size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


def test_a_seed_gives_one_image_and_another_seed_another():
    np.testing.assert_array_equal(leaves(seed=1), leaves(seed=1))
    assert np.abs(leaves(seed=1).astype(int) - leaves(seed=2)).mean() > 5


def test_the_global_generators_are_not_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    leaves()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_images_are_covered_and_use_much_of_the_range():
    images = np.stack([leaves(seed=seed) for seed in range(8)])
    assert 60 < images.mean() < 180
    assert images.std() > 30
    assert (images == 0).mean() < 0.05


def test_their_spectrum_falls_like_that_of_photographs():
    """Power falls as 1/f^k with k near 2 (Ruderman and Bialek 1994), as for edges at all scales."""
    size = 96
    power = np.mean([np.abs(np.fft.fft2(leaves(size, seed)[..., 1] - 128.0)) ** 2 for seed in range(6)], axis=0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    bins = np.geomspace(0.02, 0.3, 9)
    means = [power[(frequency >= low) & (frequency < high)].mean() for low, high in itertools.pairwise(bins)]
    slope = np.polyfit(np.log(np.sqrt(bins[:-1] * bins[1:])), np.log(means), 1)[0]
    assert -3.0 < slope < -1.5
