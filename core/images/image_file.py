"""Opening image files: what is no still image of 8 bits a channel is refused, and the others are turned upright."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from qnas.core.errors import InputError, QnasError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
# Whatever the file is called: Pillow knows more, and hands some (EPS) to programs that run what is in them.
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
GRAY_MODES: Final = {"1", "L", "LA", "La"}
_COLOUR_MODES: Final = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}


@contextlib.contextmanager
def opened(file: Path, *, verify: bool = True) -> Iterator[ImageFile]:
    """An image whose pixels are not decoded yet; errors in the context name it.

    Args:
        file: The image.
        verify: Whether to check the checksums that PNG has, which decoding passes over: the whole file is read.

    Raises:
        InputError: It is no image, broken or absurdly large, has several frames or more than 8 bits a channel.
    """
    try:
        if verify:
            with Image.open(file, formats=_FORMATS) as image:
                image.verify()  # an image is of no use after it
        with Image.open(file, formats=_FORMATS) as image:
            _refuse_unusable(image, file)
            yield image
    except (QnasError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InputError("is no image (or of no known format)", str(file)) from None
    except Exception as error:  # a damaged file may raise anything
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"can't be decoded: {reason}", str(file)) from None


def _refuse_unusable(image: ImageFile, file: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # where cameras keep a preview behind the picture
        raise InputError(f"has {frames} frames: only still images can be used", str(file))
    # Pillow opens 16-bit colour as 8-bit and drops the low byte; only the raw mode tells.
    raw_modes = [str(tile[3]) for tile in image.tile]
    is_deep = any(";16" in mode and "BGR;16" not in mode for mode in raw_modes)
    if is_deep or image.mode not in GRAY_MODES | _COLOUR_MODES:
        depth = "16 bits a channel" if is_deep else f"pixels of mode '{image.mode}'"
        raise InputError(f"has {depth}: use 8 bits a channel", str(file))


def decoded(image: ImageFile) -> Image.Image:
    """An opened image, decoded and turned upright as its EXIF says."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF raises whatever its parser stumbles over; the pixels are read already
        return image
