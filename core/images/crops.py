"""Crops of training images: each is a training image itself, whose pixels stay in the whole image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qnas.core.components import Degradation, Pixels
from qnas.core.images.cache import Resolutions, cache_crops
from qnas.core.images.loading import OnImage
from qnas.core.images.pack import HR, VERSION
from qnas.core.images.pairs import ImagePair, degraded
from qnas.core.images.settings import Crop
from qnas.core.images.size_rules import refuse_under_crop

Cut = Callable[[Sequence[ImagePair]], list[ImagePair]]


@dataclass(frozen=True)
class _Whole:
    """An image to be cut into crops.

    Attributes:
        pair: The image.
        crop: How it is cut.
        scale: The factor between its resolutions.
        lr: The LR images of its crops, one below the other: (crops * size / scale, size / scale, 3); None if they are
            cut out of the LR image.
    """

    pair: ImagePair
    crop: Crop
    scale: int
    lr: Pixels | None = None

    def grid(self) -> tuple[int, int]:
        """The number of crops in each direction."""
        height, width = ((side - self.crop.size) // self.crop.stride + 1 for side in self.pair.hr.shape[:2])
        return height, width

    def crops(self) -> Iterator["_CutPair"]:
        """Its crops, row by row."""
        rows, columns = self.grid()
        for index in range(rows * columns):
            yield _CutPair(self, index, *(place * self.crop.stride for place in divmod(index, columns)))


class _CutPair(ImagePair):
    """A crop. There may be hundreds of thousands, so it only stores its place."""

    __slots__ = ("_index", "_left", "_top", "_whole")

    def __init__(self, whole: _Whole, index: int, top: int, left: int) -> None:
        self._whole, self._index, self._top, self._left = whole, index, top, left

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.whole_name}_x{self._left}_y{self._top}"

    @property
    def whole_name(self) -> str:
        return self._whole.pair.name

    @property
    def hr(self) -> Pixels:  # type: ignore[override]
        size = self._whole.crop.size
        return self._whole.pair.hr[self._top : self._top + size, self._left : self._left + size]

    @property
    def lr(self) -> Pixels:  # type: ignore[override]
        scale = self._whole.scale
        size = self._whole.crop.size // scale
        if self._whole.lr is not None:
            return self._whole.lr[self._index * size : (self._index + 1) * size]
        top, left = self._top // scale, self._left // scale
        return self._whole.pair.lr[top : top + size, left : left + size]


def cutter(
    images: Sequence[ImagePair], digest: str, crop: Crop, scale: int, degradation: Degradation, report: OnImage
) -> Cut:
    """A function that cuts images of a data set; LR images of crops are made now, or read from the cache.

    Args:
        images: All images of the data set.
        digest: Changes with the images; with ``""``, nothing is cached.
        crop: How to cut them.
        scale: The factor between the resolutions.
        degradation: How LR images are made.
        report: Called after each image whose crops are made.

    Raises:
        InputError: An image is smaller than a crop.
    """
    for image in images:
        refuse_under_crop(image.sizes, crop.size)
    wholes = [_Whole(image, crop, scale) for image in images]
    if crop.lr == "made":
        lr = _lr_crops(wholes, digest, degradation, report)
        wholes = [replace(whole, lr=made) for whole, made in zip(wholes, lr, strict=True)]
    by_image = dict(zip(images, wholes, strict=True))
    return lambda chosen: [part for image in chosen for part in by_image[image].crops()]


def _lr_crops(wholes: Sequence[_Whole], digest: str, degradation: Degradation, report: OnImage) -> list[Pixels]:
    """The LR images of each image's crops, one below the other."""

    def made() -> Iterator[Resolutions]:
        for done, whole in enumerate(wholes, 1):
            yield whole.pair.name, {HR: _reduced(whole, degradation)}
            report(done, len(wholes))

    crop, scale = wholes[0].crop, wholes[0].scale
    key = repr((VERSION, digest, scale, degradation.label, crop.size, crop.stride))
    pack = cache_crops(key, degradation, made()) if digest else None
    if pack is None:
        return [resolutions[HR] for _, resolutions in made()]
    return [pack.pixels(index, HR) for index in range(len(pack))]


def _reduced(whole: _Whole, degradation: Degradation) -> Pixels:
    return np.concatenate([degraded(crop.hr, whole.scale, degradation, crop.name) for crop in whole.crops()])
