"""Packs of images that were decoded or generated once: a data set's own, or one in the cache."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import platformdirs

from qnas.core.components import Dataset, Degradation, Pixels
from qnas.core.errors import InputError, QnasWarning
from qnas.core.files.atomic import clear_asides
from qnas.core.images.pack import VERSION, Pack, new_pack
from qnas.core.images.source_images import fingerprint_of, guarded

Resolutions = tuple[str, Mapping[int, Pixels]]
"""Name and resolutions of an image, as :meth:`qnas.core.images.pack.PackWriter.add` takes them."""


def cache_folder() -> Path:
    """The folder of decoded and generated images: ``$QNAS_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("QNAS_CACHE") or platformdirs.user_cache_dir("qnas")).expanduser()


def own_pack(dataset: Dataset) -> Pack | None:
    """The pack that a data set consists of, if it is one.

    Raises:
        InputError: The pack can't be used.
    """
    with guarded(dataset):
        path = dataset.stored_in()
    return None if path is None else Pack(path)


def cached_pack(dataset: Dataset, scale: int, degradation: Degradation) -> Pack:
    """The pack of a data set's images in the cache; its pixels are not verified yet.

    Raises:
        InputError: It is missing or damaged.
    """
    return _opened(_file("images", _key(dataset, scale, degradation)))


def digest_of(dataset: Dataset, scale: int, degradation: Degradation) -> str:
    """A digest of a data set's images from the pack that they are in, ``""`` if they are in none."""
    try:
        pack = own_pack(dataset)
        return (cached_pack(dataset, scale, degradation) if pack is None else pack).digest
    except InputError:
        return ""


def cache_images(dataset: Dataset, scale: int, degradation: Degradation, images: Iterable[Resolutions]) -> Pack | None:
    """The pack of a data set's images in the cache, written now if it is missing or damaged.

    Args:
        dataset: The data set.
        scale: The factor between the resolutions.
        degradation: How LR images are made where there are none.
        images: The images, which are only made if the cache lacks them.

    Returns:
        The pack, or None if it can't be written.
    """
    return _cache(_file("images", _key(dataset, scale, degradation)), (scale,), degradation, images)


def cache_crops(key: str, degradation: Degradation, images: Iterable[Resolutions]) -> Pack | None:
    """The pack of the LR images of crops in the cache, written now if it is missing or damaged.

    Args:
        key: Changes with the images, and with how they are cut and made smaller.
        degradation: How they are made smaller.
        images: As :func:`cache_images` takes them.

    Returns:
        The pack, or None if it can't be written.
    """
    return _cache(_file("crops", key), (), degradation, images)


def _key(dataset: Dataset, scale: int, degradation: Degradation) -> str:
    kind = f"{type(dataset).__module__}:{type(dataset).__qualname__}"
    return "\n".join([str(VERSION), kind, str(scale), degradation.label, fingerprint_of(dataset)])


def _file(content: str, key: str) -> Path:
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
    return cache_folder() / f"{content}-{digest[:32]}.h5"


def _opened(file: Path) -> Pack:
    return Pack(file, "qnas keeps decoded images in it: delete it to have them decoded again")


def _cache(file: Path, scales: Sequence[int], degradation: Degradation, images: Iterable[Resolutions]) -> Pack | None:
    try:
        return _verified(file, scales)
    except InputError:
        pass  # missing or damaged: written again
    return _opened(file) if _write(file, scales, degradation, images) else None


def _verified(file: Path, scales: Sequence[int]) -> Pack:
    """A pack whose pixels are verified now, while damaged ones can still be replaced."""
    pack = _opened(file)
    for scale in scales:
        pack.refuse_missing(scale)
    for index in range(len(pack)):
        pack.images(index)
    return pack


def _write(file: Path, scales: Sequence[int], degradation: Degradation, images: Iterable[Resolutions]) -> bool:
    """Write images into a pack; whether that was possible."""
    with contextlib.suppress(OSError):  # leftovers do no harm
        clear_asides(file.parent.glob(".*.h5.*"), only_left=True)
    try:
        with new_pack(file, scales, degradation.label) as pack:
            for name, resolutions in images:
                pack.add(name, resolutions)
    except OSError as error:
        where = "set QNAS_CACHE to use another folder"
        what = f"images are not cached in {file.parent}: {error.strerror or error} ({where})"
        warnings.warn(what, QnasWarning, stacklevel=5)
        return False
    return True
