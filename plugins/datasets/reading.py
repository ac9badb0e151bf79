"""Reading image files as 8-bit RGB."""

from pathlib import Path

import numpy as np

from qnas.core.components import Pixels
from qnas.core.images.image_file import decoded, opened


def read_image(file: Path) -> Pixels:
    """An image file as (H, W, 3) RGB, uint8, turned upright as its EXIF says; transparency is left out.

    Raises:
        InputError: It is no image, broken, absurdly large, has several frames, or more than 8 bits a channel.
    """
    with opened(file) as stored:
        image = decoded(stored)
        image.info.pop("transparency", None)  # which Pillow would warn of where it is left out
        return np.asarray(image.convert("RGB"))


def mode_of(file: Path) -> str:
    """What pixels an image file has, as Pillow names them: ``RGB``, ``L`` for gray, ``P`` for a palette.

    Raises:
        InputError: It is no image, or absurdly large.
    """
    with opened(file) as image:
        return image.mode
