"""Image files as people have them: gray or coloured, with transparency, a colour profile or EXIF orientation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from qnas.core.components import Pixels
from qnas.core.errors import InputError
from qnas.core.files.atomic import written_aside
from qnas.core.images.image_file import COLOUR_MODES, GRAY_MODES, decoded, opened

_OTHER_COLOURS: Final = {"CMYK", "LAB"}  # their profiles don't describe the RGB that they are converted to


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        pixels: (H, W, 3) RGB, uint8; a gray picture has three equal channels.
        alpha: (H, W) uint8, its opacity, or None if it is opaque.
        is_gray: Whether it is stored with one channel.
        profile: Its ICC colour profile, or None.
    """

    pixels: Pixels
    alpha: npt.NDArray[np.uint8] | None = None
    is_gray: bool = False
    profile: bytes | None = None

    def enlarged(self, upscale: Callable[[Pixels], Pixels]) -> "Picture":
        """The picture with its pixels enlarged by ``upscale``, and its opacity by bicubic interpolation to match."""
        pixels = upscale(self.pixels)
        alpha = self.alpha
        if alpha is not None:
            size = pixels.shape[1], pixels.shape[0]
            alpha = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BICUBIC))
        return replace(self, pixels=pixels, alpha=alpha)

    def image(self) -> Image.Image:
        """The picture as an image of Pillow's."""
        image = Image.fromarray(self.pixels)
        if self.is_gray:
            image = image.convert("L")
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        if self.profile is not None:
            image.info["icc_profile"] = self.profile
        return image


def read_picture(file: Path) -> Picture:
    """Read an image file.

    Raises:
        InputError: It is not an image, is broken, absurdly large or animated, or has more than 8 bits per channel.
    """
    with opened(file) as stored:
        return picture_of(decoded(stored))


def picture_of(image: Image.Image) -> Picture:
    """An image of Pillow's, of 8 bits per channel, as a picture.

    Raises:
        InputError: It has another depth.
    """
    if image.mode not in GRAY_MODES | COLOUR_MODES:
        raise InputError(f"an image has pixels of mode '{image.mode}': use 8 bits per channel")
    alpha = np.asarray(image.convert("RGBA").getchannel("A")) if image.has_transparency_data else None
    profile = None if image.mode in _OTHER_COLOURS else image.info.get("icc_profile")
    image.info.pop("transparency", None)  # or Pillow would warn when it is dropped
    return Picture(np.asarray(image.convert("RGB")), alpha, image.mode in GRAY_MODES, profile)


def write_png(picture: Picture, file: Path) -> None:
    """Write a picture as PNG, completely or not at all.

    Raises:
        OSError: The file can't be written; the error names it.
    """
    with written_aside(file) as aside:
        picture.image().save(aside, "PNG", icc_profile=picture.profile)
