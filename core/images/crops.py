"""Crops of training images: each is a training image of its own, whose pixels stay in the whole image."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qnas.core.components import Dataset, Degradation, Pixels
from qnas.core.errors import InputError
from qnas.core.images.pack import HR, VERSION, Pack
from qnas.core.images.pairs import ImagePair, OnImage, cache_file, cache_folder, degraded, write_cache
from qnas.core.images.settings import Crop
from qnas.core.images.size_rules import refuse_under_crop

Cut = Callable[[Sequence[ImagePair]], list[ImagePair]]


@dataclass(frozen=True)
class _Whole:
    """An image that is cut.

    Attributes:
        pair: The image.
        crop: How it is cut.
        scale: The factor between its resolutions.
        lr: LR images of its crops, one below the other: (crops * size / scale, size / scale, 3); None where they are
            cut out of that of the image.
    """

    pair: ImagePair
    crop: Crop
    scale: int
    lr: Pixels | None = None

    def grid(self) -> tuple[int, int]:
        """How many crops lie below and beside each other."""
        height, width = ((side - self.crop.size) // self.crop.stride + 1 for side in self.pair.hr.shape[:2])
        return height, width

    def crops(self) -> Iterator["_CutPair"]:
        """Its crops, row by row."""
        rows, columns = self.grid()
        for index in range(rows * columns):
            yield _CutPair(self, index, *(place * self.crop.stride for place in divmod(index, columns)))


class _CutPair(ImagePair):
    """A crop. There may be hundreds of thousands, so it has nothing but its place."""

    __slots__ = ("_index", "_left", "_top", "_whole")

    def __init__(self, whole: _Whole, index: int, top: int, left: int) -> None:
        self._whole, self._index, self._top, self._left = whole, index, top, left

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self._whole.pair.name}_x{self._left}_y{self._top}"

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
    dataset: Dataset, images: Sequence[ImagePair], crop: Crop, scale: int, degradation: Degradation, report: OnImage
) -> Cut:
    """What cuts images of a data set; LR images of crops are made now, or read from the cache.

    Args:
        dataset: The data set.
        images: All its images.
        crop: How to cut them.
        scale: The factor between the resolutions.
        degradation: How LR images are made.
        report: Called with how many images are done, of how many.

    Raises:
        InputError: An image is smaller than a crop.
    """
    for image in images:
        refuse_under_crop(image.sizes, crop.size)
    lr: Sequence[Pixels | None] = [None] * len(images)
    if crop.lr == "made":
        lr = _lr_crops(dataset, images, crop, scale, degradation, report)
    wholes = {image: _Whole(image, crop, scale, made) for image, made in zip(images, lr, strict=True)}
    return lambda chosen: [part for image in chosen for part in wholes[image].crops()]


def _lr_crops(
    dataset: Dataset, images: Sequence[ImagePair], crop: Crop, scale: int, degradation: Degradation, report: OnImage
) -> list[Pixels]:
    """For each image the LR images of its crops, one below the other."""

    def made() -> Iterator[tuple[str, Pixels]]:
        for done, image in enumerate(images, 1):
            yield image.name, _reduced(_Whole(image, crop, scale), degradation)
            report(done, len(images))

    try:
        digest = Pack(dataset.stored_in() or cache_file(dataset, scale, degradation)).digest
    except InputError:  # the images themselves are in no cache
        return [pixels for _, pixels in made()]
    key = repr((VERSION, digest, scale, degradation.label, crop.size, crop.stride))
    path = cache_folder() / f"crops-{hashlib.sha256(key.encode()).hexdigest()[:32]}.h5"
    try:
        return _read(Pack(path))
    except InputError:
        pass  # missing or damaged: made again
    if write_cache(path, (), degradation.label, ((name, {HR: pixels}) for name, pixels in made())):
        return _read(Pack(path))
    return [pixels for _, pixels in made()]


def _read(pack: Pack) -> list[Pixels]:
    return [pack.pixels(index, HR) for index in range(len(pack))]


def _reduced(whole: _Whole, degradation: Degradation) -> Pixels:
    return np.concatenate([degraded(crop.hr, whole.scale, degradation, crop.name) for crop in whole.crops()])
