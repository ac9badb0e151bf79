"""Bicubic's scores and their cache."""

import json

import numpy as np
import pytest

from qnas.core.images.metrics import score
from qnas.core.images.pairs import ImagePair
from qnas.core.images.resample import imresize
from qnas.core.upscale import baseline
from qnas.core.upscale.baseline import bicubic_scores


def image(seed: int = 0, name: str = "a") -> ImagePair:
    random = np.random.default_rng(seed)
    hr, lr = (random.integers(0, 256, size, dtype=np.uint8) for size in ((24, 30, 3), (12, 15, 3)))
    return ImagePair(name, hr, lr)


def plain(pair: ImagePair, scale: int = 2) -> dict[str, float]:
    return score(imresize(pair.lr, pair.hr.shape[:2]), pair.hr, scale)


def test_they_are_computed_once_for_the_same_pixels(cache, monkeypatch):
    assert bicubic_scores(image(), 2) == plain(image())
    monkeypatch.setattr(baseline, "score", None)  # no longer called
    assert bicubic_scores(image(name="another name"), 2) == plain(image())


def test_other_pixels_or_another_scale_have_their_own(cache):
    hr_changed, lr_changed = image(), image()
    hr_changed.hr[3, 4, 1] ^= 1
    lr_changed.lr[3, 4, 1] ^= 64
    for pair, scale in ((image(), 2), (hr_changed, 2), (lr_changed, 2), (image(), 3)):
        assert bicubic_scores(pair, scale) == plain(pair, scale)
    assert len(list((cache / "bicubic").iterdir())) == 4


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"psnr_y": 1.0}', '{"psnr_y": NaN, "ssim_y": 1.0}'])
def test_a_damaged_one_is_computed_again(cache, damage):
    expected = bicubic_scores(image(), 2)
    (file,) = (cache / "bicubic").iterdir()
    file.write_text(damage)
    assert bicubic_scores(image(), 2) == expected
    assert json.loads(file.read_text()) == expected


def test_a_cache_that_can_not_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QNAS_CACHE", str(tmp_path / "file"))
    assert bicubic_scores(image(), 2) == plain(image())
