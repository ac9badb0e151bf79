"""The facts about each image that a data set is checked by, and which images are the same."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from qnas.core.components import ImageSource, Pixels, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.checking.likeness import FLAT, Thumb, Unlike, is_better, thumb, unlike
from qnas.core.images.pairs import ImagePair, given_pair

NEAR: Final = 8
"""The most of the 128 bits by which the hashes of images that look the same differ.

Among the 1456 images of T91, General100, BSDS400, crops of DIV2K, a set of photographs, Set5 and Set14, two pairs
differ by fewer: a duplicate (0), and Set5's `head` and Set14's `face` (2). The next pair differs by 11. An image and
its JPEG of quality 40, or its copy at half the size, differ by at most 8 in nine of ten cases.
"""
_SIDE: Final = 8
_ROWS: Final = 512  # of hashes that are compared with all others at once


@dataclass(frozen=True)
class Facts:
    """Facts about an image.

    Attributes:
        name: Its name.
        height: Height of the HR image in pixels.
        width: Width of the HR image in pixels.
        mode: The mode in which it is stored, as Pillow names it.
        lr_scales: The scales of its LR images.
        misfits: What is wrong with them.
        contrast: The standard deviation of luma in 0..255.
        digest: The same for the same pixels.
        look: (128,) bool, nearly the same for images that look the same.
        thumb: See :func:`qnas.core.images.checking.likeness.thumb`.
        unlike: Scale to how the LR image differs from the reduced HR image, and its thumb; only where it does.
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
    thumb: Thumb | None = None
    unlike: Mapping[int, tuple[Unlike, Thumb]] = field(default_factory=dict)

    @property
    def is_flat(self) -> bool:
        """Whether it shows hardly anything."""
        return self.contrast < FLAT


def look_at(source: ImageSource) -> Facts | str:
    """Facts about an image, or why it can't be read."""
    try:
        hr = source.hr()
    except InputError as error:
        return str(error)
    gray = Image.fromarray(np.ascontiguousarray(hr)).convert("L")
    height, width, _ = hr.shape
    pairs = {scale: _paired(source, hr, scale) for scale in source.lr}
    misfits = [found for found in pairs.values() if isinstance(found, str)]
    paired = {scale: found for scale, found in pairs.items() if isinstance(found, ImagePair)}
    seen = {scale: (found, thumb(of.lr)) for scale, of in paired.items() if (found := unlike(of.hr, of.lr))}
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
        thumb(hr),
        seen,
    )


def _paired(source: ImageSource, hr: Pixels, scale: int) -> ImagePair | str:
    """The HR image with its LR image, or what is wrong with the LR image."""
    try:
        return given_pair(SourceImage(source.name, hr), source.lr[scale](), scale)
    except InputError as error:
        return str(error)


def difference_hash(gray: Image.Image) -> npt.NDArray[np.bool_]:
    """(128,) bool: where a tiny copy of an image gets lighter, to the right and downwards.

    Resizing, compression and brightness hardly change it. It is the dHash of Krawetz (2013, "Kind of like that") in
    both directions.
    """
    right = np.asarray(gray.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX))
    down = np.asarray(gray.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX))
    return np.concatenate([(right[:, 1:] > right[:, :-1]).ravel(), (down[1:] > down[:-1]).ravel()])


def same(images: Sequence[Facts]) -> Iterator[tuple[int, int]]:
    """Pairs of places: an image, and a later one with the same pixels."""
    first: dict[bytes, int] = {}
    for place, image in enumerate(images):
        if first.setdefault(image.digest, place) != place:
            yield first[image.digest], place


def nearly_same(images: Sequence[Facts]) -> Iterator[tuple[int, int]]:
    """Pairs of places of images that look the same but are not; flat images, which all look alike, are left out."""
    places = [place for place, image in enumerate(images) if not image.is_flat]
    signs = np.array([np.where(images[place].look, 1, -1) for place in places], dtype=np.float32)  # (N, 128)
    for start in range(0, len(places), _ROWS):
        # The number of differing bits: the product of two signs is -1 where they differ, and 1 elsewhere.
        differing = (signs.shape[1] - signs[start : start + _ROWS] @ signs.T) / 2
        for row, column in np.argwhere(differing <= NEAR):
            first, second = places[start + row], places[column]
            if first < second and images[first].digest != images[second].digest:
                yield first, second


def misplaced(images: Sequence[Facts]) -> Iterator[tuple[int, str]]:
    """The places of images whose LR image is not the reduced HR image, with what it is instead."""
    thumbs = np.array([image.thumb for image in images])
    for place, image in enumerate(images):
        for found, lr_thumb in image.unlike.values():
            explained = np.maximum(thumbs @ lr_thumb, 0) ** 2  # (N,), by each image of the set
            best = int(explained.argmax())
            is_other = best != place and explained[best] > found.fit and is_better(explained[best], explained[place])
            yield place, f"looks like that of {images[best].name}" if is_other else found.what
