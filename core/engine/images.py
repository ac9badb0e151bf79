"""Images in memory, decoded or generated once and cached as HDF5."""

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import platformdirs
from PIL import Image

from qnas.core.components import Dataset, Pixels, SourceImage
from qnas.core.engine.folder import write_atomically
from qnas.core.errors import InputError

_CACHE_FORMAT = 2
OnImage = Callable[[int, int], None]


class ImagePair(SourceImage):
    """An image in both resolutions: ``hr`` is exactly ``scale`` times the size of ``lr``."""

    lr: Pixels


def cache_folder() -> Path:
    """Where decoded and generated images are kept: ``$QNAS_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("QNAS_CACHE") or platformdirs.user_cache_dir("qnas")).expanduser()


def load_images(dataset: Dataset, scale: int, report: OnImage | None = None) -> list[ImagePair]:
    """All images of a data set in both resolutions, from the cache where they are in it.

    Args:
        dataset: The data set.
        scale: The factor between the resolutions.
        report: Called with how many are done, of how many.

    Raises:
        InputError: An image is missing, broken or of the wrong size.
    """
    total = dataset.count()
    key = f"{_CACHE_FORMAT}\n{type(dataset).__module__}:{type(dataset).__qualname__}\n{scale}\n{dataset.fingerprint()}"
    path = cache_folder() / f"images-{hashlib.sha256(key.encode()).hexdigest()[:32]}.h5"
    if path.is_file():
        try:
            return _read(path)
        except (OSError, KeyError, RuntimeError):
            pass  # damaged: made anew
    pairs = []
    for image in dataset.images(scale):
        pairs.append(pair(image, scale))
        if report is not None:
            report(len(pairs), total)
    try:
        _write(path, pairs)
    except OSError as error:
        where = "another place can be named by QNAS_CACHE"
        warnings.warn(f"images are not cached in {path.parent}: {error.strerror or error} ({where})", stacklevel=2)
    return pairs


def pair(image: SourceImage, scale: int) -> ImagePair:
    """Both resolutions of ``image``: HR cropped to a multiple of the scale, LR made from it if it has none.

    Raises:
        InputError: The image is too small, or HR and LR don't fit the scale.
    """
    height, width = (size // scale for size in image.hr.shape[:2])
    if min(height, width) < 1:
        raise InputError(f"is smaller than the scale {scale}", image.name)
    hr = image.hr[: height * scale, : width * scale]
    lr = image.lr if image.lr is not None else resize(hr, (height, width))
    if lr.shape[:2] != (height, width):
        raise InputError(
            f"LR is {lr.shape[1]} x {lr.shape[0]}, HR is {image.hr.shape[1]} x {image.hr.shape[0]}:"
            f" at scale {scale} LR should be {width} x {height}",
            image.name,
        )
    return ImagePair(image.name, hr, lr)


def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Bicubic resampling with antialiasing (Pillow's), as LR images are made and as the baseline enlarges.

    Args:
        image: (H, W, 3) RGB, uint8.
        size: The new height and width.
    """
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def _write(path: Path, pairs: Sequence[ImagePair]) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=True) as file:
        file.attrs["images"] = len(pairs)
        for index, image in enumerate(pairs):
            group = file.create_group(f"{index:08d}")
            group.attrs["name"] = image.name
            # The checksum has HDF5 notice a pixel that changed on the disk.
            group.create_dataset("hr", data=image.hr, fletcher32=True)
            group.create_dataset("lr", data=image.lr, fletcher32=True)
    write_atomically(path, buffer.getvalue())


def _read(path: Path) -> list[ImagePair]:
    with h5py.File(path, "r") as file:
        if file.attrs["images"] != len(file):
            raise OSError(f"{path} lacks images")
        return [ImagePair(str(file[k].attrs["name"]), file[k]["hr"][...], file[k]["lr"][...]) for k in sorted(file)]
