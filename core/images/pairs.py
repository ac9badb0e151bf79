"""Images in both resolutions, decoded or generated once and kept in a pack."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import platformdirs

from qnas.core.components import Dataset, Degradation, ImageSizes, Pixels, SourceImage
from qnas.core.errors import InputError, QnasWarning, as_input_error, from_field
from qnas.core.files.atomic import clear_asides
from qnas.core.images.pack import HR, VERSION, Pack, new_pack
from qnas.core.images.size_rules import fitted
from qnas.core.images.source_images import count_of, fingerprint_of, guarded, images_of, named

OnImage = Callable[[int, int], None]
_CACHED = "images-{}.h5"


@dataclass(eq=False)
class ImagePair:
    """An image in both resolutions: ``hr`` is exactly ``scale`` times the size of ``lr``.

    Attributes:
        name: Unique in its data set.
        hr: (H * scale, W * scale, 3) RGB, uint8.
        lr: (H, W, 3) RGB, uint8.
    """

    name: str
    hr: Pixels
    lr: Pixels

    @property
    def sizes(self) -> ImageSizes:
        """How large it is."""
        return ImageSizes(self.name, self.hr.shape[:2], self.lr.shape[:2])


def cache_folder() -> Path:
    """Where decoded and generated images are kept: ``$QNAS_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("QNAS_CACHE") or platformdirs.user_cache_dir("qnas")).expanduser()


def load_images(
    dataset: Dataset, scale: int, degradation: Degradation, report: OnImage | None = None
) -> list[ImagePair]:
    """All images of a data set in both resolutions, from the cache where they are in it.

    Args:
        dataset: The data set.
        scale: The factor between the resolutions.
        degradation: How LR images are made where there are none.
        report: Called with how many are done, of how many.

    Raises:
        InputError: An image is missing, broken or of the wrong size.
    """
    stored = stored_in(dataset)
    if stored is not None:
        return _packed(Pack(stored), scale)
    path = cache_file(dataset, scale, degradation)
    try:
        return _read_cache(path, scale)
    except InputError:
        pass  # missing or damaged: made again
    made = ((image.name, {HR: image.hr, scale: image.lr}) for image in _made(dataset, scale, degradation, report))
    if write_cache(path, (scale,), degradation.label, made):
        return _packed(_cached(path), scale)
    # Copies: a data set may yield the same array again and again, with other pixels in it.
    return [ImagePair(made.name, made.hr.copy(), made.lr.copy()) for made in _made(dataset, scale, degradation, report)]


def write_cache(
    path: Path, scales: tuple[int, ...], degradation: str, images: Iterable[tuple[str, Mapping[int, Pixels]]]
) -> bool:
    """Write images into a pack in the cache; whether that was possible.

    Args:
        path: Of the pack.
        scales: Of its LR images.
        degradation: How they were made.
        images: Name and resolutions of each, as :meth:`PackWriter.add` takes them.
    """
    with contextlib.suppress(OSError):  # what can't be removed is in nobody's way
        clear_asides(path.parent.glob(".*.h5.*"), only_left=True)
    try:
        with new_pack(path, scales, degradation) as cache:
            for name, resolutions in images:
                cache.add(name, resolutions)
    except OSError as error:
        where = "another place can be named by QNAS_CACHE"
        warnings.warn(
            f"images are not cached in {path.parent}: {error.strerror or error} ({where})", QnasWarning, stacklevel=3
        )
        return False
    return True


def sizes_of(dataset: Dataset, scale: int, degradation: Degradation) -> list[ImageSizes] | None:
    """The sizes of all images of a data set, from its pack, the cache or headers; None if all would have to be made.

    Raises:
        InputError: An image can't be used, as its header says.
    """
    if stored_in(dataset) is None:
        with contextlib.suppress(InputError):  # not there, or damaged
            return _cached(cache_file(dataset, scale, degradation)).sizes(scale)
    with guarded(dataset):
        sizes: object = dataset.sizes(scale)
        known = None if sizes is None else list(cast("Iterable[object]", sizes))
    if known is None:
        return None
    total = count_of(dataset)
    if len(known) != total or not all(isinstance(size, ImageSizes) for size in known):
        raise InputError(f"{named(dataset)} counts {total} images and does not give the ImageSizes of all")
    return cast("list[ImageSizes]", known)


def stored_in(dataset: Dataset) -> Path | None:
    """The pack that the images of a data set are in already, if they are in one."""
    with guarded(dataset):
        return dataset.stored_in()


def cache_file(dataset: Dataset, scale: int, degradation: Degradation) -> Path:
    """Where the pack of a set's images is cached."""
    kind = f"{type(dataset).__module__}:{type(dataset).__qualname__}"
    key = "\n".join([str(VERSION), kind, str(scale), degradation.label, fingerprint_of(dataset)])
    return cache_folder() / _CACHED.format(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:32])


def _cached(path: Path) -> Pack:
    return Pack(path, "qnas keeps decoded images in it: delete it, and they are decoded again")


def _read_cache(path: Path, scale: int) -> list[ImagePair]:
    images = _packed(_cached(path), scale)
    for image in images:
        _ = image.hr, image.lr  # now, while a damaged one can still be made again
    return images


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
    """A pair that stays in its pack: a side is mapped, and held against its checksum, when it is asked for."""

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
        """By its place: another process maps the pixels itself."""
        return type(self), self._place


def pair(image: SourceImage, scale: int, degradation: Degradation) -> ImagePair:
    """Both resolutions of ``image``: HR cropped to a multiple of the scale, LR made from it if it has none.

    Raises:
        InputError: The image is too small, HR and LR don't fit the scale, or the degradation can't do it.
    """
    hr = _fitted(image, scale)
    return ImagePair(image.name, hr, degraded(hr, scale, degradation, image.name) if image.lr is None else image.lr)


def given_pair(image: SourceImage, lr: Pixels, scale: int) -> ImagePair:
    """Both resolutions of ``image`` with its own LR image.

    Raises:
        InputError: HR and LR don't fit the scale.
    """
    return ImagePair(image.name, _fitted(image._replace(lr=lr), scale), lr)


def _fitted(image: SourceImage, scale: int) -> Pixels:
    """The HR image, cropped to a multiple of the scale."""
    lr_size = image.lr.shape[:2] if image.lr is not None else None
    height, width = fitted(ImageSizes(image.name, image.hr.shape[:2], lr_size), scale).hr
    return image.hr[:height, :width]


def degraded(hr: Pixels, scale: int, degradation: Degradation, name: str) -> Pixels:
    """The LR image of an HR image, held against what degradations promise.

    Raises:
        InputError: The degradation can't do the scale, fails, or makes something else.
    """
    height, width = (side // scale for side in hr.shape[:2])
    refuse_unfit(degradation, scale)
    who = f"the degradation '{degradation.known_as}'"
    with as_input_error(f"{who} failed") if degradation.is_foreign() else contextlib.nullcontext():
        lr: object = degradation.degrade(np.ascontiguousarray(hr), (height, width), name)
    if not isinstance(lr, np.ndarray) or lr.shape != (height, width, 3) or lr.dtype != np.uint8:
        made = f"{lr.shape} {lr.dtype}" if isinstance(lr, np.ndarray) else type(lr).__name__
        raise InputError(f"{who} makes {made} of {name}: must be ({height}, {width}, 3) uint8")
    return lr


def refuse_unfit(degradation: Degradation, scale: int) -> None:
    """Refuse a degradation that can't make LR images at a scale.

    Raises:
        InputError: It comes from the field ``data.degradation``.
    """
    why = degradation.unfit(scale)
    if why:
        with from_field("data", "degradation"):
            raise InputError(f"'{degradation.label}' {why}")
