"""Whether an LR image is its HR image reduced in size, and not rotated, shifted or of another image.

The comparison uses luma at the size of the LR image, and the square of Pearson's correlation: the share of the variance
of one that the other explains. Brightness and contrast don't matter. Neither does detail lost to noise, blur or
compression, because the images are also compared in grids of a few cells.

This was measured on 565 photographs and crops of BSDS400, T91, General100, DIV2K and Set14, reduced by 2 or 4. No LR
image is wrongly reported if it is bicubic, subsampled or darker, or has blur of 2 scales in HR, noise of 25 or JPEG of
quality 10; with noise of 50, one in a hundred is. Of those that are flipped, rotated or shifted, 99 in a hundred are
found, and of those that belong to another image, 97.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from qnas.core.components import Pixels

Gray = npt.NDArray[np.float64]
Thumb = npt.NDArray[np.float32]

FLAT: Final = 8.0
"""Standard deviation of luma in 0..255 below which an image is nearly flat: it shows hardly anything."""
_SAME: Final = 0.98  # above that of LR images that are shifted or rotated
_FINE, _COARSE = 16, 8  # cells along the shorter side
_ABSURD_FINE, _ABSURD_COARSE = 0.2, 0.35
_BETTER: Final = 3.0  # times as much must stay unexplained as by a better explanation
_GOOD: Final = 0.7
_FAR: Final = 0.5  # of a side: the longest shift that is tried
_THUMB: Final = 16

_TURNS: Final[tuple[tuple[str, Callable[[Gray], Gray]], ...]] = (
    ("flipped left to right", lambda image: image[:, ::-1]),
    ("flipped upside down", lambda image: image[::-1]),
    ("rotated by 180 degrees", lambda image: image[::-1, ::-1]),
    ("rotated by 90 degrees", lambda image: np.rot90(image, -1)),  # clockwise
    ("rotated by 270 degrees", np.rot90),
    ("flipped along its diagonal", lambda image: image.T),
    ("flipped along its other diagonal", lambda image: image[::-1, ::-1].T),
)


class Unlike(NamedTuple):
    """How an LR image differs from its reduced HR image.

    Attributes:
        what: Such as ``is rotated by 90 degrees``.
        fit: The share of its variance that this explains.
    """

    what: str
    fit: float


def unlike(hr: Pixels, lr: Pixels) -> Unlike | None:
    """How an LR image differs from its reduced HR image, or None if it is that image, degraded or not.

    Args:
        hr: (H * scale, W * scale, 3) RGB, uint8.
        lr: (H, W, 3) RGB, uint8.
    """
    size = lr.shape[:2]
    whole, small = _luma(hr), _luma(lr)
    wanted, given = _reduced(whole, size), _reduced(small, size)
    if wanted.std() < FLAT:
        return Unlike("is of another image", 0.0) if given.std() > 3 * FLAT else None
    own = explained(wanted, given)
    if own >= _SAME:
        return None
    fine = _cells(size, _FINE)
    wanted_fine, given_fine = _reduced(whole, fine), _reduced(small, fine)
    own_fine = explained(wanted_fine, given_fine)
    others = [(fit, what) for what, fit in _turned(wanted_fine, given_fine) if is_better(fit, own_fine)]
    others += [(fit, what) for what, fit in _shifted(wanted, given) if is_better(fit, own)]
    if others:
        fit, what = max(others)
        return Unlike(f"is {what}", fit)
    coarse = _cells(size, _COARSE)
    own_coarse = explained(_reduced(whole, coarse), _reduced(small, coarse))
    is_absurd = own_fine < _ABSURD_FINE and own_coarse < _ABSURD_COARSE
    return Unlike("is of another image", 0.0) if is_absurd else None


def is_reduced(hr: Pixels, lr: Pixels) -> bool:
    """Whether an LR image clearly is its HR image reduced; for flat images, whether they have the same colour."""
    fine = _cells(lr.shape[:2], _FINE)
    wanted, given = (_reduced(_luma(image), fine) for image in (hr, lr))
    if max(wanted.std(), given.std()) < FLAT:
        return bool(np.abs(hr.mean(axis=(0, 1)) - lr.mean(axis=(0, 1))).max() < FLAT)
    return explained(wanted, given) > _GOOD


def thumb(image: Pixels) -> Thumb:
    """(256,), of mean 0 and length 1: the dot product of two is the correlation of small copies of the images."""
    cells = _reduced(_luma(image), (_THUMB, _THUMB))
    cells -= cells.mean()
    return (cells / max(float(np.linalg.norm(cells)), 1e-9)).ravel().astype(np.float32)


def explained(one: Gray, other: Gray) -> float:
    """The share of the variance of an image that another explains; 0 if they are negatively correlated."""
    one, other = one - one.mean(), other - other.mean()
    power = float((one**2).sum() * (other**2).sum())
    return max(0.0, float((one * other).sum())) ** 2 / power if power else 0.0


def is_better(fit: float, own: float) -> bool:
    """Whether something else explains an LR image clearly better than its HR image does."""
    return fit > _GOOD and 1 - own > _BETTER * (1 - fit)


def _luma(image: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image)).convert("L")


def _reduced(image: Image.Image, size: tuple[int, int]) -> Gray:
    return np.asarray(image.resize(size[::-1], Image.Resampling.BOX, reducing_gap=2.0), dtype=np.float64)


def _cells(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """The size of a grid of about square cells over an image."""
    factor = max(1.0, min(size) / shorter)
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))


def _turned(wanted: Gray, given: Gray) -> Iterator[tuple[str, float]]:
    """How well each way to flip or rotate an image explains another."""
    for what, turn in _TURNS:
        turned: Gray = turn(wanted)
        if turned.shape == given.shape:
            yield what, explained(turned, given)


def _shifted(wanted: Gray, given: Gray) -> Iterator[tuple[str, float]]:
    """How well the best shift of an image explains another."""
    spectra = [np.fft.rfft2(image - image.mean()) for image in (given, wanted)]
    match = np.fft.irfft2(spectra[0] * spectra[1].conj(), s=wanted.shape)
    rows, columns = (_signed(length) for length in wanted.shape)
    is_far = (abs(rows)[:, None] > _FAR * len(rows)) | (abs(columns) > _FAR * len(columns))
    best = np.unravel_index(np.where(is_far, -np.inf, match).argmax(), match.shape)
    down, right = int(rows[best[0]]), int(columns[best[1]])
    if down or right:
        fit = explained(_overlap(wanted, -down, -right), _overlap(given, down, right))
        ways = filter(None, (_said(right, "to the right", "to the left"), _said(down, "down", "up")))
        yield f"shifted by {' and '.join(ways)}", fit


def _signed(length: int) -> npt.NDArray[np.int64]:
    """The shifts that the entries of a circular correlation stand for."""
    return np.fft.fftfreq(length, 1 / length).round().astype(np.int64)


def _overlap(image: Gray, down: int, right: int) -> Gray:
    """The part of an image that still overlaps after it is shifted."""
    height, width = image.shape
    return image[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def _said(pixels: int, forward: str, backward: str) -> str:
    if not pixels:
        return ""
    count = f"{abs(pixels)} pixel{'s' * (abs(pixels) > 1)}"
    return f"{count} {forward if pixels > 0 else backward}"
