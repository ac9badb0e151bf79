"""Structural similarity (Wang et al. 2004), by separable filters over bands of rows, which keeps memory small."""

from typing import Final

import numpy as np
import numpy.typing as npt

Planes = npt.NDArray[np.float64]

WINDOW: Final = 11  # height and width of the Gaussian window
_REACH: Final = WINDOW - 1
_SIGMA: Final = 1.5
_BLOCK: Final = 32  # results per matrix product
_LUMINANCE, _CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def similarity(one: Planes, other: Planes) -> Planes:
    """SSIM at each pixel with a whole window around it: (C, H, W) in 0..255 to (C, H - 10, W - 10).

    Variances are weighted by the window, without correction for the sample size.
    """
    channels = len(one)
    filtered = _window_means(np.concatenate([one, other, one * one + other * other, one * other]))
    mean_one, mean_other, squares, product = (filtered[i * channels : (i + 1) * channels] for i in range(4))
    means = mean_one * mean_other
    energies = mean_one * mean_one + mean_other * mean_other
    likeness = (2 * means + _LUMINANCE) * (2 * (product - means) + _CONTRAST)
    likeness /= (energies + _LUMINANCE) * (squares - energies + _CONTRAST)
    return likeness


def _gaussian() -> npt.NDArray[np.float64]:
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    normalised: npt.NDArray[np.float64] = weights / weights.sum()
    return normalised


def _banded(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(block + 10, block): each column holds the window at another place."""
    matrix = np.zeros((_BLOCK + _REACH, _BLOCK))
    for column in range(_BLOCK):
        matrix[column : column + WINDOW, column] = weights
    return matrix


_BAND: Final = _banded(_gaussian())


def _window_means(planes: Planes) -> Planes:
    """The weighted mean of each window. A product with a banded matrix is faster than eleven passes over the image."""
    count, height, width = (planes.shape[0], planes.shape[1] - _REACH, planes.shape[2] - _REACH)
    across = np.empty((count, planes.shape[1], width))
    for start in range(0, width, _BLOCK):
        size = min(_BLOCK, width - start)
        part = planes[:, :, start : start + size + _REACH]
        across[:, :, start : start + size] = part @ _BAND[: size + _REACH, :size]
    means = np.empty((count, height, width))
    for start in range(0, height, _BLOCK):
        size = min(_BLOCK, height - start)
        part = across[:, start : start + size + _REACH]
        np.matmul(_BAND[: size + _REACH, :size].T, part, out=means[:, start : start + size])
    return means
