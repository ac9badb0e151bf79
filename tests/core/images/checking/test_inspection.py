"""Properties of images, and which images are the same or look the same."""

import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from qnas.core.components import ImageSource
from qnas.core.errors import InputError
from qnas.core.images.checking.inspection import NEAR, Facts, look_at, nearly_same, same


def scene(seed: int, height: int = 90, width: int = 120) -> np.ndarray:
    """Large smooth shapes, as photographs have them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def facts(name: str, pixels: np.ndarray) -> Facts:
    seen = look_at(ImageSource(name, lambda: pixels))
    assert isinstance(seen, Facts)
    return seen


def jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def test_an_image_is_described():
    pixels = scene(0, 30, 50)
    source = ImageSource(
        "a", lambda: pixels, {2: lambda: pixels[::2, ::2], 5: lambda: pixels[::5, ::4]}, mode=lambda: "P"
    )
    seen = look_at(source)
    assert isinstance(seen, Facts)
    assert (seen.name, seen.height, seen.width, seen.mode, seen.lr_scales) == ("a", 30, 50, "P", (2, 5))
    assert seen.misfits == ("a: LR is 13 x 6, HR is 50 x 30: at scale 5 LR should be 10 x 6",)
    luma = pixels @ [0.299, 0.587, 0.114]
    assert seen.contrast == pytest.approx(luma.std(), abs=0.5)
    assert not seen.is_flat


def test_an_image_that_can_not_be_read_is_told():
    def broken() -> np.ndarray:
        raise InputError("can't be decoded: truncated", "a.png")

    assert look_at(ImageSource("a", broken)) == "a.png: can't be decoded: truncated"


def test_an_lr_image_that_can_not_be_read_is_a_misfit():
    def broken() -> np.ndarray:
        raise InputError("can't be decoded: truncated", "ax2.png")

    seen = look_at(ImageSource("a", lambda: scene(0), {2: broken}))
    assert isinstance(seen, Facts)
    assert seen.misfits == ("ax2.png: can't be decoded: truncated",)


@pytest.mark.parametrize(("spread", "is_flat"), [(0, True), (10, True), (40, False)])
def test_images_with_hardly_anything_in_them_are_flat(spread, is_flat):
    half = np.full((20, 30, 3), 100, dtype=np.uint8)
    half[:, 15:] += spread  # the standard deviation is half of it
    assert facts("a", half).is_flat == is_flat


def test_the_same_pixels_are_found_once_each():
    a, b = scene(0), scene(1)
    flipped = a.copy()
    flipped[0, 0, 0] ^= 1
    images = [facts(str(i), pixels) for i, pixels in enumerate([b, a, flipped, a.copy(), b, a])]
    assert sorted(same(images)) == [(0, 4), (1, 3), (1, 5)]


def test_pixels_in_another_shape_are_not_the_same():
    assert not list(same([facts("a", scene(0)), facts("b", scene(0).reshape(45, 240, 3))]))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    change=st.sampled_from(
        [jpeg, lambda p: resized(p, 60, 45), lambda p: resized(p, 200, 151), lambda p: (p * 0.9 + 10).astype(np.uint8)]
    ),
)
def test_a_changed_copy_looks_nearly_the_same_and_another_scene_does_not(seed, change):
    images = [facts("other", scene(seed + 1)), facts("a", scene(seed)), facts("copy", change(scene(seed)))]
    assert list(nearly_same(images)) == [(1, 2)]


def test_near_pairs_are_those_of_the_definition(monkeypatch):
    monkeypatch.setattr("qnas.core.images.checking.inspection._ROWS", 7)
    random = np.random.default_rng(0)
    base = random.random(128) < 0.5
    looks = [base ^ (random.random(128) < rate) for rate in np.linspace(0, 0.15, 40)]
    pixels = scene(0)
    images = [
        Facts(str(i), *pixels.shape[:2], "RGB", (), (), 50.0, bytes([i // 2]), look) for i, look in enumerate(looks)
    ]
    expected = [
        (i, j) for i in range(40) for j in range(i + 1, 40) if i // 2 != j // 2 and (looks[i] != looks[j]).sum() <= NEAR
    ]
    assert expected
    assert sorted(nearly_same(images)) == expected


def test_flat_images_are_not_near_to_each_other():
    flat = [facts(str(i), np.full((20, 20, 3), 100 + i, dtype=np.uint8)) for i in range(3)]
    assert not list(nearly_same(flat))
    assert not list(nearly_same([]))
