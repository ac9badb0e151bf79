"""Opening image files: only still images of 8 bits per channel are accepted, and they are turned upright."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from qnas.core.errors import InputError, QnasError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
# Whatever the file name says: Pillow knows more formats, and passes some (EPS) to programs that execute them.
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
GRAY_MODES: Final = {"1", "L", "LA", "La"}
COLOUR_MODES: Final = {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}


@contextlib.contextmanager
def opened(file: Path, *, verify: bool = True) -> Iterator[ImageFile]:
    """An image whose pixels are not decoded yet; errors raised in the context name the file.

    Args:
        file: The image.
        verify: Whether to check the checksums of a PNG, which decoding ignores; this reads the whole file.

    Raises:
        InputError: It is not an image, is broken or absurdly large, has several frames or more than 8 bits per channel.
    """
    try:
        if verify:
            with Image.open(file, formats=_FORMATS) as image:
                image.verify()  # which leaves the image unusable
        with Image.open(file, formats=_FORMATS) as image:
            _refuse_unusable(image, file)
            yield image
    except (QnasError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InputError("is not an image in a known format", str(file)) from None
    except Exception as error:  # a damaged file may raise anything
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"can't be decoded: {reason}", str(file)) from None


def _refuse_unusable(image: ImageFile, file: Path) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # in which cameras append a preview
        raise InputError(f"has {frames} frames: only still images can be used", str(file))
    # Pillow opens 16-bit colour as 8-bit and drops the low byte; only the raw mode shows it.
    raw_modes = [str(tile[3]) for tile in image.tile]
    is_deep = any(";16" in mode and "BGR;16" not in mode for mode in raw_modes)
    if is_deep or image.mode not in GRAY_MODES | COLOUR_MODES:
        depth = "16 bits per channel" if is_deep else f"pixels of mode '{image.mode}'"
        raise InputError(f"has {depth}: use 8 bits per channel", str(file))


def decoded(image: ImageFile) -> Image.Image:
    """An opened image, decoded and turned upright according to its EXIF orientation."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF may raise anything; the pixels are decoded already
        return image
