"""LR images that do not belong to their HR images are found; degraded ones are not mistaken for these."""

import functools
import io

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFilter

from qnas.core.images.checking.likeness import is_reduced, unlike
from qnas.core.images.resample import imresize

RANDOM = np.random.default_rng(0)
SIDE = 240


@functools.cache
def photo(name: str) -> np.ndarray:
    image = getattr(skimage.data, name)()
    return np.ascontiguousarray(image[:SIDE, 40 : 40 + SIDE])


def small(hr: np.ndarray, scale: int) -> np.ndarray:
    return imresize(hr, (SIDE // scale, SIDE // scale))


def blurred(image: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    return (image + np.random.default_rng(0).normal(0, sigma, image.shape)).clip(0, 255).astype(np.uint8)


DEGRADED = {
    "bicubic": small,
    "subsampled": lambda hr, scale: hr[::scale, ::scale],
    "the last of each": lambda hr, scale: hr[scale - 1 :: scale, scale - 1 :: scale],
    "blurred": lambda hr, scale: small(blurred(hr, 2 * scale), scale),
    "noisy": lambda hr, scale: noisy(small(hr, scale), 50),
    "compressed": lambda hr, scale: jpeg(small(hr, scale), 8),
    "all of these": lambda hr, scale: jpeg(noisy(small(blurred(hr, scale), scale), 20), 20),
    "dark": lambda hr, scale: (small(hr, scale) * 0.2).astype(np.uint8),
    "of other contrast": lambda hr, scale: (255 * (small(hr, scale) / 255) ** 2.2).astype(np.uint8),
    "gray": lambda hr, scale: np.repeat(small(hr, scale)[..., :1], 3, axis=2),
}
photos = pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])


@photos
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("degrade", DEGRADED.values(), ids=DEGRADED)
def test_degraded_images_are_their_hr_images_made_small(name, scale, degrade):
    assert unlike(photo(name), degrade(photo(name), scale)) is None


WRONG = {
    "is rotated by 90 degrees": lambda lr: np.rot90(lr, -1),
    "is rotated by 180 degrees": lambda lr: lr[::-1, ::-1],
    "is rotated by 270 degrees": np.rot90,
    "is flipped left to right": lambda lr: lr[:, ::-1],
    "is flipped upside down": lambda lr: lr[::-1],
    "is flipped along its diagonal": lambda lr: lr.swapaxes(0, 1),
    "is shifted by 5 pixels to the right": lambda lr: np.roll(lr, 5, 1),
    "is shifted by 3 pixels to the left and 1 pixel up": lambda lr: np.roll(lr, (-1, -3), (0, 1)),
    "is of another image": lambda lr: 255 - lr,
}


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])  # the rocket is nearly the same when flipped
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("degrade", [lambda lr: lr, lambda lr: noisy(jpeg(lr, 30), 10)], ids=["clean", "degraded"])
@pytest.mark.parametrize(("what", "wrong"), WRONG.items(), ids=WRONG)
def test_turned_and_shifted_images_are_told_with_what_was_done(name, scale, degrade, what, wrong):
    found = unlike(photo(name), np.ascontiguousarray(degrade(wrong(small(photo(name), scale)))))
    assert found is not None
    assert found.what == what


@photos
def test_images_of_others_are_found(name):
    for other in {"astronaut", "chelsea", "coffee", "rocket"} - {name}:
        assert unlike(photo(name), small(photo(other), 4)) is not None
        assert not is_reduced(photo(name), small(photo(other), 4))
    assert is_reduced(photo(name), small(photo(name), 4))


def test_of_flat_images_only_what_is_not_flat_at_all_is_another():
    flat = np.full((SIDE, SIDE, 3), 90, dtype=np.uint8)
    assert unlike(flat, small(flat, 4)) is None
    assert unlike(noisy(flat, 3), noisy(small(flat, 4), 3)) is None
    assert unlike(flat, small(photo("coffee"), 4)) is not None
    assert unlike(photo("coffee"), small(flat, 4)) is not None
    assert is_reduced(flat, small(flat, 4))
    assert not is_reduced(flat, small(flat, 4) + np.uint8(60))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 2), (11, 12)])
def test_tiny_images_are_no_hindrance(size):
    lr = RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)
    assert unlike(lr.repeat(2, 0).repeat(2, 1), lr) is None
