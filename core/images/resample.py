"""MATLAB's bicubic ``imresize`` of 8-bit images, with which the literature makes LR images and its baseline."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qnas.core.components import Pixels

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_COLUMNS = 4096  # filtered at once: few enough to stay in the processor's cache


def imresize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """An image resized to ``size``, identical to the bit to MATLAB's ``imresize(image, size, "bicubic")``.

    The directions are filtered one after the other with the cubic of Keys (1981, "Cubic convolution interpolation for
    digital image processing", eq. 15), which is stretched by the factor where the image shrinks. The image is mirrored
    at its edges, and rounded to 8 bits between the two directions.

    Args:
        image: (H, W, 3) RGB, uint8.
        size: The new height and width.
    """
    # The direction that shrinks most comes first; if both do equally, the height.
    for axis in sorted((0, 1), key=lambda axis: size[axis] / image.shape[axis]):
        image = np.moveaxis(_resize_rows(np.moveaxis(image, axis, 0), size[axis]), 0, axis)
    return np.ascontiguousarray(image)


def _resize_rows(image: Pixels, length: int) -> Pixels:
    rows = image.reshape(len(image), -1)
    weights = _weights(len(rows), length)
    resized = np.empty((length, rows.shape[1]), dtype=np.uint8)
    for start in range(0, rows.shape[1], _COLUMNS):
        part = slice(start, start + _COLUMNS)
        values = weights @ rows[:, part].astype(np.float64)
        resized[:, part] = np.floor(values + 0.5).clip(0, 255)
    return resized.reshape(length, *image.shape[1:])


def _weights(old: int, new: int) -> "csr_array":
    """The weight of each of ``old`` samples in each of ``new``: (new, old), whose rows sum to 1."""
    from scipy.sparse import csr_array  # most commands read images without resizing any

    scale = new / old
    narrow = min(scale, 1.0)
    centres = (np.arange(new) + 0.5) / scale - 0.5
    first = np.floor(centres - 2 / narrow).astype(int)
    taps = first[:, None] + np.arange(np.ceil(4 / narrow) + 2, dtype=int)  # (new, taps)
    weights = _cubic(narrow * (centres[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(old), np.arange(old)[::-1]])[taps % (2 * old)]
    targets = np.broadcast_to(np.arange(new)[:, None], taps.shape)
    matrix = csr_array((weights.ravel(), (targets.ravel(), mirrored.ravel())), shape=(new, old))
    matrix.eliminate_zeros()
    return matrix


def _cubic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
