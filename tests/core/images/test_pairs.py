"""Pairs of both resolutions, and how LR images are made."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from qnas.core.components import Degradation, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.pairs import pair
from qnas.core.images.resample import imresize

MATLAB = Degradation.of("matlab")


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The reduction of the degradation ``pillow``."""
    return Degradation.of("pillow").degrade(image, size, "")


def noise(seed: int, height: int = 12, width: int = 18) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=30)
@given(height=st.integers(1, 30), width=st.integers(1, 30), scale=st.integers(2, 4))
def test_hr_is_cropped_to_whole_lr_pixels_from_the_top_left(height, width, scale):
    image = SourceImage("a", noise(0, height, width))
    if min(height, width) < scale:
        with pytest.raises(InputError, match=f"^a: is smaller than the scale {scale}"):
            pair(image, scale, MATLAB)
        return
    made = pair(image, scale, MATLAB)
    assert made.lr.shape == (height // scale, width // scale, 3)
    assert made.hr.shape == (height // scale * scale, width // scale * scale, 3)
    np.testing.assert_array_equal(made.hr, image.hr[: made.hr.shape[0], : made.hr.shape[1]])
    np.testing.assert_array_equal(made.lr, imresize(made.hr, made.lr.shape[:2]))


@pytest.mark.parametrize(("degradation", "reduce"), [("matlab", imresize), ("pillow", resize)])
def test_lr_is_made_in_the_way_that_is_asked_for(degradation, reduce):
    image = SourceImage("a", noise(0, 24, 36))
    made = pair(image, 2, Degradation.of(degradation))
    np.testing.assert_array_equal(made.lr, reduce(image.hr, (12, 18)))


def test_an_lr_image_that_is_given_is_kept():
    lr = noise(1, 4, 6)
    made = pair(SourceImage("a", noise(0, 13, 20), lr), 3, MATLAB)
    np.testing.assert_array_equal(made.lr, lr)
    assert made.hr.shape == (12, 18, 3)


@pytest.mark.parametrize("size", [(4, 5), (3, 6), (4, 7), (12, 18), (6, 4)])
def test_an_lr_image_of_the_wrong_size_is_told_with_the_right_one(size):
    with pytest.raises(InputError) as caught:
        pair(SourceImage("photo.png", noise(0, 13, 20), noise(1, *size)), 3, MATLAB)
    assert str(caught.value) == (
        f"photo.png: LR is {size[1]} x {size[0]}, HR is 20 x 13: at scale 3 LR should be 6 x 4"
    )


def bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pillow's bicubic filter written out: Keys' kernel with a = -1/2, widened by the factor when reducing."""

    def weights(old: int, new: int) -> np.ndarray:
        ratio = old / new
        width = max(ratio, 1.0)
        centres = (np.arange(new) + 0.5) * ratio
        x = np.abs((np.arange(old) + 0.5 - centres[:, None]) / width)
        near = 1.5 * x**3 - 2.5 * x**2 + 1
        far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        kernel = np.where(x < 1, near, np.where(x < 2, far, 0.0))
        return kernel / kernel.sum(axis=1, keepdims=True)

    rows, columns = weights(image.shape[0], size[0]), weights(image.shape[1], size[1])

    def rounded(values: np.ndarray) -> np.ndarray:
        return np.clip(np.floor(values + 0.5), 0, 255)

    # Pillow rounds to 8 bits between the passes, whose order depends on its version.
    across = rounded(np.einsum("xw,hwc->hxc", columns, image.astype(np.float64)))
    return rounded(np.einsum("yh,hxc->yxc", rows, across))


@pytest.mark.parametrize("size", [(12, 18), (8, 12), (6, 9), (48, 72), (72, 108), (7, 40)], ids=str)
def test_resampling_is_antialiased_bicubic(size):
    image = 64 + noise(0, 24, 36) // 2
    difference = np.abs(resize(image, size).astype(int) - bicubic(image, size))
    assert difference.max() <= 2
    assert difference.mean() < 0.4


def test_a_flat_image_stays_flat_at_every_size():
    flat = np.full((12, 16, 3), 77, dtype=np.uint8)
    for size in ((6, 8), (4, 5), (24, 32)):
        assert (resize(flat, size) == 77).all()


@pytest.mark.parametrize(("degradation", "enlarge"), [("matlab", imresize), ("pillow", resize)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_is_smooth_survives_being_reduced_and_enlarged(scale, degradation, enlarge):
    rows, columns = np.mgrid[0:48, 0:72] / 12
    smooth = 128 + 60 * np.stack([np.sin(rows), np.cos(columns), np.sin(rows + columns)], axis=-1)
    image = np.rint(smooth).astype(np.uint8)
    made = pair(SourceImage("a", image), scale, Degradation.of(degradation))
    back = enlarge(made.lr, image.shape[:2])[8:-8, 8:-8].astype(float)
    assert 10 * np.log10(255**2 / np.mean((back - image[8:-8, 8:-8]) ** 2)) > 38


@pytest.mark.parametrize("degradation", ["matlab", "pillow"])
def test_a_pattern_too_fine_for_lr_turns_gray_and_does_not_alias(degradation):
    checks = np.where(np.indices((24, 24)).sum(axis=0) % 2, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
    lr = pair(SourceImage("a", checks), 2, Degradation.of(degradation)).lr[2:-2, 2:-2].astype(int)
    assert np.abs(lr - 127.5).max() < 10
