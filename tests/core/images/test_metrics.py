"""PSNR and SSIM against their formulas, written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy.signal import convolve2d
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from qnas.core.images.metrics import LARGEST_PSNR, luma, psnr_y, score
from qnas.core.images.pairs import ImagePair
from qnas.core.upscale.scoring import judge, validate


def noise(seed: int, height: int = 32, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def near(image: np.ndarray, seed: int, spread: int = 20) -> np.ndarray:
    change = np.random.default_rng(seed).integers(-spread, spread + 1, image.shape)
    return np.clip(image.astype(int) + change, 0, 255).astype(np.uint8)


def plain_psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))


def plain_luma(image: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 with 8 bits: Y = 16 + 219 (0.299 R + 0.587 G + 0.114 B), R, G, B in 0..1."""
    r, g, b = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    return 16 + 219 * (0.299 * r + 0.587 * g + 0.114 * b)


def plain_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, with windows that lie entirely within the image."""
    offsets = np.arange(-5, 6)
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(image: np.ndarray) -> np.ndarray:
        return convolve2d(image, window, mode="valid")

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


@pytest.mark.parametrize(
    ("colour", "y"),
    [
        ((0, 0, 0), 16.0),
        ((255, 255, 255), 235.0),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_luma_is_that_of_bt_601(colour, y):
    assert luma(np.array([[colour]], dtype=np.uint8))[0, 0] == pytest.approx(y, abs=1e-9)


def test_luma_agrees_with_scikit_image_and_with_the_standards_formula():
    image = noise(0)
    np.testing.assert_allclose(luma(image), rgb2ycbcr(image)[..., 0], atol=1e-9)
    np.testing.assert_allclose(luma(image), plain_luma(image), atol=1e-3)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), border=st.integers(0, 4), spread=st.integers(1, 255))
def test_psnr_is_its_formula_on_what_the_border_leaves(seed, border, spread):
    truth = noise(seed)
    result = near(truth, seed + 1, spread)
    inside = np.s_[border : 32 - border, border : 40 - border]
    scores = score(result, truth, border)
    expected = plain_psnr(luma(result)[inside], luma(truth)[inside])
    assert scores["psnr_y"] == pytest.approx(expected, rel=1e-12)
    assert psnr_y(result, truth, border) == pytest.approx(expected, rel=1e-12)
    assert scores["psnr_rgb"] == pytest.approx(plain_psnr(result[inside], truth[inside]), rel=1e-12)


@pytest.mark.parametrize("border", [0, 2, 4])
@pytest.mark.parametrize("spread", [2, 200])
def test_ssim_is_its_formula_on_what_the_border_leaves(border, spread):
    truth = noise(3)
    result = near(truth, 4, spread)
    inside = np.s_[border : 32 - border, border : 40 - border]
    expected = plain_ssim(luma(result)[inside], luma(truth)[inside])
    assert score(result, truth, border)["ssim_y"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("border", [0, 2, 4])
@pytest.mark.parametrize("spread", [2, 60])
def test_all_four_are_scikit_images_on_the_same_arrays(seed, border, spread):
    truth = noise(seed, 30 + seed, 41)
    result = near(truth, seed + 1, spread)
    inside = np.s_[border : 30 + seed - border, border : 41 - border]
    y, rgb = ([image(side)[inside] for side in (truth, result)] for image in (plain_luma, np.asarray))
    custom = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert score(result, truth, border) == {
        "psnr_y": pytest.approx(peak_signal_noise_ratio(*y, data_range=255), abs=1e-4),
        "ssim_y": pytest.approx(structural_similarity(*y, **custom), abs=1e-6),
        "psnr_rgb": pytest.approx(peak_signal_noise_ratio(*rgb, data_range=255), rel=1e-12),
        "ssim_rgb": pytest.approx(structural_similarity(*rgb, channel_axis=2, **custom), rel=1e-12),
    }


def test_ssim_of_colours_is_the_mean_of_the_channels():
    truth, result = noise(0), noise(1)
    result[..., 1] = truth[..., 1]
    channels = [plain_ssim(result[..., c].astype(float), truth[..., c].astype(float)) for c in range(3)]
    assert channels[1] == pytest.approx(1)
    assert channels[0] < 0.5
    assert score(result, truth, 0)["ssim_rgb"] == pytest.approx(np.mean(channels), rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(height=st.integers(11, 180), width=st.integers(11, 100), seed=st.integers(0, 10**6), spread=st.integers(1, 255))
def test_bands_and_blocks_leave_no_seam(height, width, seed, spread):
    """At any size, the score is that of scikit-image for the whole image."""
    truth = noise(seed, height, width)
    result = near(truth, seed + 1, spread)
    custom = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    scores = score(result, truth, 0)
    assert scores["ssim_rgb"] == pytest.approx(structural_similarity(truth, result, channel_axis=2, **custom), abs=1e-9)
    assert scores["ssim_y"] == pytest.approx(structural_similarity(luma(truth), luma(result), **custom), abs=1e-9)
    assert scores["psnr_rgb"] == pytest.approx(plain_psnr(result, truth), rel=1e-12)


def test_images_that_no_window_fits_in_are_refused():
    with pytest.raises(ValueError, match=r"SSIM needs 11 pixels a side \(got 10 x 30\)"):
        score(noise(0, 30, 10), noise(1, 30, 10), 2)


def test_a_known_error_has_a_known_psnr():
    truth = np.full((20, 20, 3), 100, dtype=np.uint8)
    assert score(truth + 5, truth, 2)["psnr_rgb"] == pytest.approx(20 * math.log10(255 / 5))
    assert score(truth - 5, truth, 2)["psnr_rgb"] == pytest.approx(20 * math.log10(255 / 5))


@pytest.mark.parametrize("border", [0, 3])
@pytest.mark.filterwarnings("error")
def test_identical_images_have_the_largest_psnr(border):
    scores = score(noise(0), noise(0), border)
    assert (scores["psnr_y"], scores["psnr_rgb"]) == (LARGEST_PSNR, LARGEST_PSNR)
    assert psnr_y(noise(0), noise(0), border) == LARGEST_PSNR
    assert scores["ssim_y"] == pytest.approx(1)


def test_no_psnr_is_above_the_largest():
    truth = np.full((500, 500, 3), 100, dtype=np.uint8)
    result = truth.copy()
    result[250, 250, 0] += 1
    assert plain_psnr(result, truth) > LARGEST_PSNR
    assert score(result, truth, 0)["psnr_rgb"] == LARGEST_PSNR


def test_the_border_is_left_out_to_the_pixel():
    truth = noise(0)
    result = near(truth, 1)
    for border in (1, 2, 3, 4):
        spoilt = near(result, 2, 255)
        spoilt[border:-border, border:-border] = result[border:-border, border:-border]
        assert score(spoilt, truth, border) == score(result, truth, border)
        assert score(spoilt, truth, border - 1) != score(result, truth, border - 1)


class Copy:
    """An upscaler that returns a given result."""

    def __init__(self, result: np.ndarray) -> None:
        self.result = torch.tensor(result).permute(2, 0, 1)[None] / 255

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        return self.result


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_networks_are_judged_with_a_border_of_the_scale(scale):
    """The published code leaves out 4 pixels whatever the scale."""
    cpu = torch.device("cpu")
    truth = noise(0, 36, 48)
    pair = ImagePair("a", truth, noise(1, 36 // scale, 48 // scale))
    result = near(truth, 2)
    inside = np.s_[scale:-scale, scale:-scale]
    expected = plain_psnr(luma(result)[inside], luma(truth)[inside])
    assert judge(result, pair, scale)["psnr_y"] == pytest.approx(expected, rel=1e-12)
    assert validate(Copy(result), [pair], scale, cpu)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("size", "used"), [(11, 0), (12, 0), (13, 1), (18, 3), (19, 4), (30, 4)])
def test_the_border_shrinks_where_ssims_window_would_not_fit(size, used):
    truth = noise(0, size, size + 3)
    result = near(truth, 1)
    inside = np.s_[used : size - used, used : size + 3 - used]
    scores = score(result, truth, 4)
    assert scores["psnr_y"] == pytest.approx(plain_psnr(luma(result)[inside], luma(truth)[inside]), rel=1e-12)
    assert scores["ssim_y"] == pytest.approx(plain_ssim(luma(result)[inside], luma(truth)[inside]), rel=1e-9)


@pytest.mark.parametrize("size", [6, 8, 12])
def test_validation_scores_small_images_as_evaluation_does(size):
    truth = noise(0, size, size)
    result = near(truth, 1)
    assert psnr_y(result, truth, 4) == pytest.approx(plain_psnr(luma(result), luma(truth)))


def test_ssim_is_symmetric_and_at_most_one():
    a, b = noise(0), noise(1)
    assert score(a, b, 0)["ssim_y"] == pytest.approx(score(b, a, 0)["ssim_y"])
    assert score(a, b, 0)["ssim_y"] < score(a, a, 0)["ssim_y"] <= 1 + 1e-12
