"""The degradation and the metrics, against the official images of Set5 and Set14.

They may not be redistributed, so ``QNAS_BENCHMARKS`` names a folder that has them as ``Set5/HR``,
``Set5/LR_bicubic/X4``, and likewise ``Set14``; without it, these tests are skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas.core.components import Degradation, Pixels, SourceImage
from qnas.core.images.metrics import psnr_y
from qnas.core.images.pairs import pair
from qnas.core.images.resample import imresize

MATLAB = Degradation.of("matlab")

FOLDER = Path(os.environ.get("QNAS_BENCHMARKS", ""))
COUNTS = {"Set5": 5, "Set14": 14}

pytestmark = pytest.mark.skipif("QNAS_BENCHMARKS" not in os.environ, reason="QNAS_BENCHMARKS names no folder")


def rgb(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", COUNTS)
def test_lr_images_are_the_official_ones_to_the_bit(name: str) -> None:
    files = sorted((FOLDER / name / "HR").iterdir())
    assert len(files) == COUNTS[name]
    for file in files:
        made = pair(SourceImage(file.stem, rgb(file)), 4, MATLAB).lr
        np.testing.assert_array_equal(made, rgb(FOLDER / name / "LR_bicubic/X4" / f"{file.stem}x4.png"), file.stem)


# The scores of MATLAB's bicubic interpolation, down and up.
@pytest.mark.parametrize(
    ("name", "scale", "expected"),
    [
        ("Set5", 2, 33.673),
        ("Set5", 3, 30.403),
        ("Set5", 4, 28.429),
        ("Set14", 2, 30.325),
        ("Set14", 3, 27.631),
        ("Set14", 4, 26.088),
    ],
)
def test_bicubic_has_the_psnr_of_matlab_s(name: str, scale: int, expected: float) -> None:
    pairs = [
        pair(SourceImage(file.stem, rgb(file)), scale, MATLAB) for file in sorted((FOLDER / name / "HR").iterdir())
    ]
    scores = [psnr_y(imresize(one.lr, one.hr.shape[:2]), one.hr, scale) for one in pairs]
    assert np.mean(scores) == pytest.approx(expected, abs=0.005)
