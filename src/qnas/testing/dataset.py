"""The contract of data sets."""

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from qnas.core.components import Dataset, SourceImage
from qnas.core.engine.images import pair
from qnas.core.errors import InputError
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_SCALES = (2, 3, 4)
_LOOKED_AT = 3  # images at every scale but the first


def check_dataset(reference: Dataset | str | Mapping[str, Any]) -> None:
    """Check that a data set keeps its contract, at scales 2, 3 and 4.

    It may refuse scales (with ``InputError``), but not all. It has as many images as it says, each (H, W, 3) uint8
    under a name of its own; an LR image fits its HR image. At every call they are the same, in
    the same order, and so is the fingerprint. Those that can be read one by one (``sources``) are the same then, too.

    Args:
        reference: A data set, or its name, or a mapping of its name and fields. Choose it small: it is read twice.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Dataset.of, reference) as dataset:
        refusals = {scale: _refusal(dataset, scale) for scale in _SCALES}
        scales = [scale for scale, refusal in refusals.items() if not refusal]
        assert scales, f"it refuses every scale; {_SCALES[0]}: {refusals[_SCALES[0]]}"
        _check_fingerprint(dataset)
        with told_as(f"at scale {scales[0]}"):
            _check_all(dataset, scales[0])
        for scale in scales[1:]:
            with told_as(f"at scale {scale}"):
                for image in itertools.islice(dataset.images(scale), _LOOKED_AT):
                    _check_image(image, scale)


def _refusal(dataset: Dataset, scale: int) -> str:
    """Why the images can't be used at that scale, or ``""``."""
    try:
        for image in itertools.islice(dataset.images(scale), 1):
            _check_form(image)
            pair(image, scale)
    except InputError as error:
        return str(error)
    return ""


def _check_fingerprint(dataset: Dataset) -> None:
    fingerprint: object = dataset.fingerprint()
    assert isinstance(fingerprint, str), f"its fingerprint is {fingerprint!r}, no text"
    assert fingerprint, "its fingerprint is empty"
    again = Dataset.of(dataset.reference()).fingerprint()
    assert again == fingerprint, "its fingerprint is another when it is asked again: its images would be cached in vain"


def _check_all(dataset: Dataset, scale: int) -> None:
    names: dict[str, str] = {}
    for image in dataset.images(scale):
        _check_image(image, scale)
        assert image.name not in names, f"two images are named '{image.name}'"
        names[image.name] = _digest(image)
    _check_sources(dataset, scale, names)
    count: object = dataset.count()
    assert isinstance(count, int), f"it counts {count!r} images, no whole number (int)"
    assert names, "it has no images"
    assert count == len(names), f"it counts {count} images and has {len(names)}"
    again = [(image.name, _digest(image)) for image in dataset.images(scale)]
    is_same = [name for name, _ in again] == list(names)
    assert is_same, "when it is asked again its images are others, or in another order"
    for name, digest in again:
        assert digest == names[name], f"when it is asked again its image '{name}' has other pixels"


def _check_sources(dataset: Dataset, scale: int, digests: Mapping[str, str]) -> None:
    try:
        sources = dataset.sources([scale])
    except InputError:
        return  # it can only give them one after another
    read = {source.name: _digest(source.read(scale)) for source in sources}
    assert list(read) == list(digests), "its sources are others than its images, or in another order"
    differing = next((name for name, digest in read.items() if digest != digests[name]), None)
    assert differing is None, f"its image '{differing}' has other pixels when it is read by itself"


def _check_image(image: SourceImage, scale: int) -> None:
    _check_form(image)
    with told_as("an image does not fit"):
        pair(image, scale)


def _check_form(image: SourceImage) -> None:
    assert isinstance(image, SourceImage), f"it gives a {type(image).__name__}, no SourceImage"
    assert isinstance(image.name, str) and image.name, f"an image is named {image.name!r}"
    _check_pixels(f"the HR image of '{image.name}'", image.hr)
    if image.lr is not None:
        _check_pixels(f"the LR image of '{image.name}'", image.lr)


def _check_pixels(which: str, pixels: object) -> None:
    assert isinstance(pixels, np.ndarray), f"{which} is a {type(pixels).__name__}, no array"
    assert pixels.ndim == 3 and pixels.shape[2] == 3, f"{which} has the shape {pixels.shape}, not (H, W, 3)"
    assert pixels.dtype == np.uint8, f"{which} is of {pixels.dtype}, not of uint8"


def _digest(image: SourceImage) -> str:
    sides = (side.tobytes() for side in (image.hr, image.lr) if side is not None)
    return hashlib.sha256(b"".join(sides)).hexdigest()
