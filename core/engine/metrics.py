"""PSNR and SSIM as the SR literature computes them: 8-bit images, Y of BT.601 or RGB, a border left out."""

import math

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from qnas.core.components import Pixels

_Y_OF_RGB = np.array([65.481, 128.553, 24.966]) / 255
LARGEST_PSNR = 100.0  # dB; an infinite one could be neither averaged nor kept as JSON
SMALLEST = 11  # height and width of SSIM's window


def luma(image: Pixels) -> npt.NDArray[np.float64]:
    """Y of BT.601 in 16..235, as floats: (H, W, 3) RGB to (H, W)."""
    return image @ _Y_OF_RGB + 16.0


def score(result: Pixels, truth: Pixels, border: int) -> dict[str, float]:
    """``psnr_y`` and ``psnr_rgb`` in dB, ``ssim_y`` and ``ssim_rgb`` of two (H, W, 3) RGB images.

    Args:
        result: The enlarged image.
        truth: The original.
        border: Pixels left out at each side; by custom the scale. It shrinks for images too small for it.
    """
    result, truth = _inner(result, border), _inner(truth, border)
    sides = {"y": (luma(result), luma(truth)), "rgb": (result.astype(np.float64), truth.astype(np.float64))}
    return {
        f"{name}_{colours}": measure(*pair)
        for colours, pair in sides.items()
        for name, measure in (("psnr", psnr), ("ssim", ssim))
    }


def psnr_y(result: Pixels, truth: Pixels, border: int) -> float:
    """PSNR on Y in dB alone, see :func:`score`."""
    return psnr(luma(_inner(result, border)), luma(_inner(truth, border)))


def _inner(image: Pixels, border: int) -> Pixels:
    border = max(0, min(border, (min(image.shape[:2]) - SMALLEST) // 2))
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def psnr(result: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    """PSNR in dB of two images in 0..255, at most ``LARGEST_PSNR``, which identical images have."""
    error = float(np.square(result - truth).mean())
    return min(LARGEST_PSNR, 10 * math.log10(255**2 / error)) if error else LARGEST_PSNR


def ssim(result: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    """SSIM with the 11 x 11 Gaussian window of Wang et al. 2004, of two (H, W) images in 0..255.

    Of (H, W, C) it is the mean over the channels.
    """
    channels = -1 if truth.ndim == 3 else None
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(truth, result, data_range=255, channel_axis=channels, **window))
