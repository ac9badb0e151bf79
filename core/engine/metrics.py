"""PSNR and SSIM as the SR literature computes them: 8-bit images, Y of BT.601 or RGB, a border left out."""

import numpy as np
import numpy.typing as npt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from qnas.core.components import Pixels

_Y_OF_RGB = np.array([65.481, 128.553, 24.966]) / 255
SMALLEST = 11  # height and width of SSIM's window


def luma(image: Pixels) -> npt.NDArray[np.float64]:
    """Y of BT.601 in 16..235, as floats: (H, W, 3) RGB to (H, W)."""
    return image @ _Y_OF_RGB + 16.0


def score(result: Pixels, truth: Pixels, border: int) -> dict[str, float]:
    """``psnr_y`` and ``psnr_rgb`` in dB and ``ssim_y`` of two (H, W, 3) RGB images.

    Args:
        result: The enlarged image.
        truth: The original.
        border: Pixels left out at each side; by custom the scale. It shrinks for images too small for it.
    """
    border = max(0, min(border, (min(truth.shape[:2]) - SMALLEST) // 2))
    inner = slice(border, -border or None)
    result, truth = result[inner, inner], truth[inner, inner]
    result_y, truth_y = luma(result), luma(truth)
    return {
        "psnr_y": float(peak_signal_noise_ratio(truth_y, result_y, data_range=255)),
        "ssim_y": ssim(result_y, truth_y),
        "psnr_rgb": float(peak_signal_noise_ratio(truth, result, data_range=255)),
    }


def psnr_y(result: Pixels, truth: Pixels, border: int) -> float:
    """PSNR on Y in dB alone, see :func:`score`."""
    inner = slice(border, -border or None)
    result_y, truth_y = luma(result[inner, inner]), luma(truth[inner, inner])
    return float(peak_signal_noise_ratio(truth_y, result_y, data_range=255))


def ssim(result: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    """SSIM with the 11 x 11 Gaussian window of Wang et al. 2004, of two (H, W) images in 0..255."""
    return float(
        structural_similarity(
            truth, result, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
