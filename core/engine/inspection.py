"""What images are like, and which are the same: what a data set is checked for."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from qnas.core.components import ImageSource, Pixels, SourceImage
from qnas.core.engine.images import pair
from qnas.core.errors import InputError

FLAT: Final = 8.0
"""Standard deviation of luma, of 255, below which an image is nearly flat: there is hardly anything to learn."""
NEAR: Final = 8
"""In how many of the 128 bits of their hashes images that look the same differ at most.

Of the 1456 images of T91, General100, BSDS400, crops of DIV2K, a set of photographs, Set5 and Set14 two pairs differ in
fewer, a duplicate (0) and Set5's `head` and Set14's `face` (2), the next in 11; an image and its JPEG of quality 40, or
of half the size, in 8 at most nine times of ten.
"""
_SIDE: Final = 8
_ROWS: Final = 512  # of hashes, compared with all others at once


@dataclass(frozen=True)
class Facts:
    """What an image is like.

    Attributes:
        name: What it is called.
        height: Of the HR image, in pixels.
        width: Likewise.
        mode: What pixels it is stored with, as Pillow names them.
        lr_scales: Of which it has LR images.
        misfits: What is wrong with them.
        contrast: The standard deviation of luma, of 255.
        digest: The same for the same pixels.
        look: (128,) bool, nearly the same for images that look the same.
    """

    name: str
    height: int
    width: int
    mode: str
    lr_scales: tuple[int, ...]
    misfits: tuple[str, ...]
    contrast: float
    digest: bytes
    look: npt.NDArray[np.bool_]

    @property
    def is_flat(self) -> bool:
        """Whether there is hardly anything in it."""
        return self.contrast < FLAT


def look_at(source: ImageSource) -> Facts | str:
    """What an image is like, or why it can't be read."""
    try:
        hr = source.hr()
    except InputError as error:
        return str(error)
    gray = Image.fromarray(np.ascontiguousarray(hr)).convert("L")
    height, width, _ = hr.shape
    misfits = [said for scale in source.lr if (said := _misfit(source, hr, scale))]
    size = np.array(hr.shape, dtype=np.int64).tobytes()
    return Facts(
        source.name,
        height,
        width,
        source.mode(),
        tuple(source.lr),
        tuple(misfits),
        float(np.asarray(gray).std()),
        hashlib.blake2b(size + hr.tobytes()).digest(),
        difference_hash(gray),
    )


def _misfit(source: ImageSource, hr: Pixels, scale: int) -> str:
    try:
        pair(SourceImage(source.name, hr, source.lr[scale]()), scale)
    except InputError as error:
        return str(error)
    return ""


def difference_hash(gray: Image.Image) -> npt.NDArray[np.bool_]:
    """(128,) bool: where a tiny copy of an image gets lighter, to the right and downwards.

    It is hardly changed by another size, compression or brightness. The dHash of Krawetz (2013, "Kind of like that"),
    in both directions.
    """
    right = np.asarray(gray.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX))
    down = np.asarray(gray.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX))
    return np.concatenate([(right[:, 1:] > right[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()])


def same(images: Sequence[Facts]) -> Iterator[tuple[int, int]]:
    """The places of images that have the same pixels as one before, and of that one."""
    first: dict[bytes, int] = {}
    for place, image in enumerate(images):
        if first.setdefault(image.digest, place) != place:
            yield first[image.digest], place


def nearly_same(images: Sequence[Facts]) -> Iterator[tuple[int, int]]:
    """The places of images that look the same and are not, two by two; flat ones, which all do, are left out."""
    places = [place for place, image in enumerate(images) if not image.is_flat]
    signs = np.array([np.where(images[place].look, 1, -1) for place in places], dtype=np.float32)  # (N, 128)
    for start in range(0, len(places), _ROWS):
        # Bits that differ: the product of the signs is -1 there, and 1 elsewhere.
        differing = (signs.shape[1] - signs[start : start + _ROWS] @ signs.T) / 2
        for row, column in np.argwhere(differing <= NEAR):
            first, second = places[start + row], places[column]
            if first < second and images[first].digest != images[second].digest:
                yield first, second
