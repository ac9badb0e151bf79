"""The contract of data sets."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from qnas.core.components import Dataset, Degradation, ImageSizes, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.pairs import pair
from qnas.core.images.source_images import check_image, fingerprint_of, first_images, images_of, named
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_SCALES = (2, 3, 4)
_LOOKED_AT = 3  # images at every scale but the first


def check_dataset(reference: Dataset | str | Mapping[str, Any]) -> None:
    """Check that a data set meets its contract, at scales 2, 3 and 4.

    It may refuse scales (with ``InputError``), but not all of them. It has as many images as it says, each (H, W, 3)
    uint8 with a unique name; an LR image fits its HR image. At every call, the images, their order and the fingerprint
    are the same. Images that can be read one by one (``sources``) are the same then too, and if the data set states
    sizes (``sizes``), they are those of the images.

    Args:
        reference: A data set, its name, or a mapping of its name and fields. Choose a small one: it is read twice.

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
                first = first_images(dataset, scale, _LOOKED_AT)
                _check_sizes(dataset, scale, [_check_fit(image, scale) for image in first])


def _refusal(dataset: Dataset, scale: int) -> str:
    """The reason why the images can't be used at that scale, or ``""``."""
    try:
        first = next(iter(dataset.images(scale)), None)
    except InputError as error:
        return str(error)
    if first is None:
        return ""
    image = check_image(first, named(dataset))
    try:
        pair(image, scale, Degradation.of("matlab"))
    except InputError as error:
        return str(error)
    return ""


def _check_fingerprint(dataset: Dataset) -> None:
    fingerprint = fingerprint_of(dataset)
    assert fingerprint, "its fingerprint is empty"
    again = Dataset.of(dataset.reference()).fingerprint()
    assert again == fingerprint, "its fingerprint changes from call to call, so its images can't be cached"


def _check_all(dataset: Dataset, scale: int) -> None:
    names: dict[str, str] = {}
    sizes = []
    for image in images_of(dataset, scale):
        names[image.name] = _digest(image)
        sizes.append(_check_fit(image, scale))
    _check_sources(dataset, scale, names)
    _check_sizes(dataset, scale, sizes)
    again = [(image.name, _digest(image)) for image in dataset.images(scale)]
    is_same = [name for name, _ in again] == list(names)
    assert is_same, "its images, or their order, change from call to call"
    for name, digest in again:
        assert digest == names[name], f"the pixels of its image '{name}' change from call to call"


def _check_sources(dataset: Dataset, scale: int, digests: Mapping[str, str]) -> None:
    try:
        sources = dataset.sources([scale])
    except InputError:
        return  # it can only yield them one after another
    read = {source.name: _digest(source.read(scale)) for source in sources}
    assert list(read) == list(digests), "its sources, or their order, differ from its images"
    differing = next((name for name, digest in read.items() if digest != digests[name]), None)
    assert differing is None, f"its image '{differing}' has different pixels when it is read from its source"


def _check_fit(image: SourceImage, scale: int) -> ImageSizes:
    with told_as("an image does not fit"):
        pair(image, scale, Degradation.of("matlab"))
    return ImageSizes(image.name, image.hr.shape[:2], None if image.lr is None else image.lr.shape[:2])


def _check_sizes(dataset: Dataset, scale: int, first: Sequence[ImageSizes]) -> None:
    """The sizes that it states; ``first`` are those of its first images."""
    stated = dataset.sizes(scale)
    if stated is None:
        return  # it does not know
    stated = list(stated)
    assert len(stated) == dataset.count(), f"it states the sizes of {len(stated)} images but has {dataset.count()}"
    for said, found in zip(stated, first, strict=False):
        assert said == found, f"it states {said} for an image that has {found}"


def _digest(image: SourceImage) -> str:
    sides = (side.tobytes() for side in (image.hr, image.lr) if side is not None)
    return hashlib.sha256(b"".join(sides)).hexdigest()
