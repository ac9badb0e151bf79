"""Reading images from data sets, and checking that they are what a data set has to yield."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np

from qnas.core.components import Dataset, ImageSizes, Pixels, SourceImage
from qnas.core.errors import InputError, as_input_error


def images_of(dataset: Dataset, scale: int) -> Iterator[SourceImage]:
    """All images of a data set, each one checked.

    Args:
        dataset: The data set.
        scale: The factor between the resolutions.

    Raises:
        InputError: An image is not (H, W, 3) uint8, two have the same name, there are more or fewer than the data set
            counts, or the data set fails.
    """
    total, done = count_of(dataset), 0
    for image in _distinct(dataset, scale):
        done += 1
        if done > total:
            raise InputError(f"{named(dataset)} counts {total} images and yields more")
        yield image
    if done < total:
        raise InputError(f"{named(dataset)} counts {total} images and yields {done}")


def first_images(dataset: Dataset, scale: int, number: int) -> Iterator[SourceImage]:
    """The first images of a data set, checked as in :func:`images_of`."""
    return itertools.islice(_distinct(dataset, scale), number)


def count_of(dataset: Dataset) -> int:
    """The number of images that a data set counts.

    Raises:
        InputError: There are none, or the data set fails.
    """
    with guarded(dataset):
        count: object = dataset.count()
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 0:
        raise InputError(f"{named(dataset)} counts {count!r} images: must be a whole number (int)")
    if not count:
        raise InputError(f"{named(dataset)} has no images")
    return int(count)


def stated_sizes(dataset: Dataset, scale: int) -> list[ImageSizes] | None:
    """The sizes that a data set states for all its images; None if it has to make them to know.

    Raises:
        InputError: It states those of more or fewer images than it counts, or fails.
    """
    with guarded(dataset):
        sizes: object = dataset.sizes(scale)
        known = None if sizes is None else list(cast("Iterable[object]", sizes))
    if known is None:
        return None
    total = count_of(dataset)
    if len(known) != total or not all(isinstance(size, ImageSizes) for size in known):
        raise InputError(f"{named(dataset)} counts {total} images and does not give ImageSizes for each")
    return cast("list[ImageSizes]", known)


def fingerprint_of(dataset: Dataset) -> str:
    """The fingerprint of a data set.

    Raises:
        InputError: It is not text, or the data set fails.
    """
    with guarded(dataset):
        fingerprint: object = dataset.fingerprint()
    if not isinstance(fingerprint, str):
        raise InputError(f"the fingerprint of {named(dataset)} is {fingerprint!r}: must be text")
    return fingerprint


def guarded(dataset: Dataset) -> contextlib.AbstractContextManager[None]:
    """A context that turns an error in a third-party data set into one line that names the data set."""
    return as_input_error(f"{named(dataset)} failed") if dataset.is_foreign() else contextlib.nullcontext()


def named(dataset: Dataset) -> str:
    """The name of a data set in messages."""
    return f"the data set '{dataset.known_as}'"


def _distinct(dataset: Dataset, scale: int) -> Iterator[SourceImage]:
    names: set[str] = set()
    with guarded(dataset):
        images = iter(dataset.images(scale))
    for image in _guarded_items(dataset, images):
        checked = check_image(image, named(dataset))
        if checked.name in names:
            raise InputError(f"{named(dataset)}: two images are named '{checked.name}'")
        names.add(checked.name)
        yield checked


def _guarded_items(dataset: Dataset, images: Iterable[Any]) -> Iterator[Any]:
    """The items of an iterator; only errors raised by the iterator itself are blamed on the data set."""
    iterator, end = iter(images), object()
    while True:
        with guarded(dataset):
            image = next(iterator, end)
        if image is end:
            return
        yield image


def check_image(image: object, of: str) -> SourceImage:
    """An image as a data set yields it, once it is known to be one.

    Args:
        image: What the data set yields.
        of: The name of the data set in messages.

    Raises:
        InputError: It has no name, or is not (H, W, 3) uint8.
    """
    if not isinstance(image, SourceImage):
        raise InputError(f"{of} yields {_a(image)}: must be a SourceImage")
    name = _check_name(image.name, of)
    hr = _check_pixels(image.hr, f"{name} of {of}")
    return SourceImage(
        name, hr, None if image.lr is None else _check_pixels(image.lr, f"the LR image of {name} of {of}")
    )


def _check_name(name: object, of: str) -> str:
    if not isinstance(name, str) or not name or "\0" in name:
        raise InputError(f"{of} names an image {name!r}: must be non-empty text without NUL")
    try:
        name.encode(errors="surrogateescape")  # which preserves file names that are not UTF-8
    except UnicodeEncodeError as error:
        raise InputError(f"{of} names an image {name!r}: must be text that can be encoded as UTF-8") from error
    return str(name)


def _check_pixels(pixels: object, which: str) -> Pixels:
    if not isinstance(pixels, np.ndarray):
        raise InputError(f"{which} is {_a(pixels)}: must be a NumPy array, (H, W, 3) uint8")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(f"{which} is {pixels.shape} {pixels.dtype}: must be (H, W, 3) uint8")
    if not pixels.size:
        raise InputError(f"{which} has no pixels: it is {pixels.shape}")
    return np.asarray(pixels)


def _a(thing: object) -> str:
    kind = type(thing).__name__
    return f"an {kind}" if kind[0] in "AEIOUaeiou" else f"a {kind}"
