"""Reading image files as 8-bit RGB."""

from pathlib import Path

import numpy as np

from qnas.core.components import Pixels
from qnas.core.images.image_file import decoded, opened


def read_image(file: Path) -> Pixels:
    """An image file as (H, W, 3) RGB, uint8, rotated according to its EXIF data, without transparency.

    Raises:
        InputError: The file is not an image, is broken or absurdly large, has several frames, or has more than 8 bits
            per channel.
    """
    with opened(file) as stored:
        image = decoded(stored)
        image.info.pop("transparency", None)  # Pillow would warn about dropping it
        return np.asarray(image.convert("RGB"))


def mode_of(file: Path) -> str:
    """The kind of an image file's pixels, as Pillow names it: ``RGB``, ``L`` for gray, ``P`` for a palette.

    Raises:
        InputError: The file is not an image, or is absurdly large.
    """
    with opened(file) as image:
        return image.mode
