"""PSNR and SSIM as the SR literature computes them: 8-bit images, Y of BT.601 or RGB, a border left out."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from qnas.core.components import Pixels
from qnas.core.images.ssim import WINDOW, similarity

_Y_OF_RGB = np.array([65.481, 128.553, 24.966]) / 255
_ROWS: Final = 16  # in a band that is measured at once, so that intermediate results stay in the processor's cache
LARGEST_PSNR: Final = 100.0  # dB; infinity could be neither averaged nor written as JSON
SMALLEST: Final = WINDOW  # height and width of SSIM's window


def luma(image: Pixels) -> npt.NDArray[np.float64]:
    """Y of BT.601 as floats in 16..235: (H, W, 3) RGB to (H, W)."""
    return image @ _Y_OF_RGB + 16.0


def score(result: Pixels, truth: Pixels, border: int) -> dict[str, float]:
    """``psnr_y`` and ``psnr_rgb`` in dB, ``ssim_y`` and ``ssim_rgb`` of two (H, W, 3) RGB images.

    SSIM on RGB is the mean over the channels.

    Args:
        result: The enlarged image.
        truth: The original image.
        border: Pixels ignored on each side, by convention the scale; fewer if the image is too small.

    Raises:
        ValueError: An image has fewer than ``SMALLEST`` pixels a side.
    """
    result, truth = _inner(result, border), _inner(truth, border)
    if min(truth.shape[:2]) < SMALLEST:
        raise ValueError(f"SSIM needs {SMALLEST} pixels a side (got {truth.shape[1]} x {truth.shape[0]})")
    squares, likeness = np.zeros(4), np.zeros(4)
    for rows, own in _bands(len(truth)):
        ours, theirs = _planes(result[rows]), _planes(truth[rows])
        squares += np.square(ours[:, :own] - theirs[:, :own]).sum(axis=(1, 2))
        likeness += similarity(ours, theirs).sum(axis=(1, 2))
    height, width = truth.shape[:2]
    errors = squares / (height * width)
    ssim_y, *ssim_rgb = likeness / ((height - WINDOW + 1) * (width - WINDOW + 1))
    return {
        "psnr_y": _decibels(float(errors[0])),
        "ssim_y": float(ssim_y),
        "psnr_rgb": _decibels(float(errors[1:].mean())),
        "ssim_rgb": float(np.mean(ssim_rgb)),
    }


def psnr_y(result: Pixels, truth: Pixels, border: int) -> float:
    """PSNR on Y alone, in dB; see :func:`score`."""
    ours, theirs = luma(_inner(result, border)), luma(_inner(truth, border))
    return _decibels(float(np.square(ours - theirs).mean()))


def _bands(height: int) -> Iterator[tuple[slice, int]]:
    """Bands of rows that overlap by the reach of a window, each with the number of rows that no later band contains."""
    for start in range(0, height - WINDOW + 1, _ROWS):
        stop = min(start + _ROWS + WINDOW - 1, height)
        yield slice(start, stop), height - start if stop == height else _ROWS


def _planes(image: Pixels) -> npt.NDArray[np.float64]:
    """(H, W, 3) RGB to (4, H, W): Y and the colour channels."""
    planes = np.empty((4, *image.shape[:2]))
    planes[1:] = np.moveaxis(image, 2, 0)
    planes[0] = np.tensordot(_Y_OF_RGB, planes[1:], axes=1) + 16.0
    return planes


def _inner(image: Pixels, border: int) -> Pixels:
    border = max(0, min(border, (min(image.shape[:2]) - SMALLEST) // 2))
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def _decibels(error: float) -> float:
    """PSNR for a mean squared error on 0..255, at most ``LARGEST_PSNR``, which is that of identical images."""
    return min(LARGEST_PSNR, 10 * math.log10(255**2 / error)) if error else LARGEST_PSNR
