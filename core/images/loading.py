"""Loading the images of a data set in both resolutions, each decoded or generated once and then kept in a pack."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from qnas.core.components import Dataset, Degradation, ImageSizes, Pixels
from qnas.core.errors import InputError
from qnas.core.images.cache import cache_images, cached_pack, own_pack
from qnas.core.images.pack import HR, Pack
from qnas.core.images.pairs import ImagePair, pair
from qnas.core.images.source_images import count_of, images_of, stated_sizes

OnImage = Callable[[int, int], None]
"""Called with how many images are done, and how many there are."""


def load_images(
    dataset: Dataset, scale: int, degradation: Degradation, report: OnImage | None = None
) -> list[ImagePair]:
    """All images of a data set in both resolutions, from its pack or the cache if they are there.

    Args:
        dataset: The data set.
        scale: The factor between the resolutions.
        degradation: How LR images are made where there are none.
        report: Called after each image that is decoded or generated.

    Raises:
        InputError: An image is missing, broken or of the wrong size.
    """
    pack = own_pack(dataset)
    if pack is None:
        pairs = _made(dataset, scale, degradation, report)
        images = ((image.name, {HR: image.hr, scale: image.lr}) for image in pairs)
        pack = cache_images(dataset, scale, degradation, images)
    if pack is not None:
        return _packed(pack, scale)
    # Copies: a data set may yield the same array again with other pixels in it.
    return [ImagePair(made.name, made.hr.copy(), made.lr.copy()) for made in _made(dataset, scale, degradation, report)]


def sizes_of(dataset: Dataset, scale: int, degradation: Degradation) -> list[ImageSizes] | None:
    """The sizes of all images of a data set, from its pack, the cache or headers; None if all would have to be made.

    Raises:
        InputError: An image can't be used, according to its header.
    """
    pack = own_pack(dataset)
    if pack is not None:
        return pack.sizes(scale)
    with contextlib.suppress(InputError):  # missing or damaged
        return cached_pack(dataset, scale, degradation).sizes(scale)
    return stated_sizes(dataset, scale)


def _made(dataset: Dataset, scale: int, degradation: Degradation, report: OnImage | None) -> Iterator[ImagePair]:
    total = count_of(dataset)
    for done, image in enumerate(images_of(dataset, scale), 1):
        yield pair(image, scale, degradation)
        if report is not None:
            report(done, total)


def _packed(pack: Pack, scale: int) -> list[ImagePair]:
    pack.refuse_missing(scale)
    return [_PackedPair(pack, index, scale) for index in range(len(pack))]


class _PackedPair(ImagePair):
    """A pair that stays in its pack: each image is mapped and checked when it is first used."""

    def __init__(self, pack: Pack, index: int, scale: int) -> None:
        self.name = pack.names[index]
        self._place = pack, index, scale

    @cached_property
    def hr(self) -> Pixels:  # type: ignore[override]
        pack, index, scale = self._place
        height, width, _ = self.lr.shape
        return pack.pixels(index, HR)[: height * scale, : width * scale]

    @cached_property
    def lr(self) -> Pixels:  # type: ignore[override]
        return self._place[0].pixels(*self._place[1:])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the place: another process maps the pixels itself."""
        return type(self), self._place
