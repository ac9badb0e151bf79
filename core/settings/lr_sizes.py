"""The sizes of LR images, as people name them."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from qnas.core.errors import InputError

Size = tuple[int, int]
FRAMES: Final[dict[str, Size]] = {
    "540p": (540, 960),
    "720p": (720, 1280),
    "1080p": (1080, 1920),
    "2160p": (2160, 3840),
}
"""Height and width of the frames of videos, by name."""
_VALID = f"write height x width in LR pixels, like 256x256, or one of {', '.join(FRAMES)}"
_PIXELS = r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})"


def lr_size(text: str, scale: int) -> Size:
    """Height and width of an LR image: ``HxW`` as they stand, or by the name of the frame that it becomes.

    >>> lr_size("256x320", scale=4), lr_size("720p", scale=4)
    ((256, 320), (180, 320))

    Args:
        text: Such as ``256x256`` or ``720p``.
        scale: The factor that it is enlarged by. Where it does not divide a frame, the nearest size is meant.

    Raises:
        InputError: It is not a size.
    """
    if text in FRAMES:
        height, width = FRAMES[text]
        return round(height / scale), round(width / scale)
    given = re.fullmatch(_PIXELS, text)
    if not given:
        raise InputError(f"'{text}' is not a size: {_VALID}")
    return int(given[1]), int(given[2])


def how_to_name(target: str = "NAME") -> str:
    """How to name the size of a target's file."""
    return f"--size 256x256, or {{name: {target}, size: 256x256}} in a spec"


def _size_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a size: {_VALID}")
    try:
        lr_size(value, scale=1)
    except InputError as error:
        raise ValueError(str(error)) from None
    return value


LrSize = Annotated[
    str,
    BeforeValidator(_size_text),
    WithJsonSchema({"type": "string", "pattern": f"^({_PIXELS}|{'|'.join(FRAMES)})$"}),
]
"""A field that says the size of an LR image, as :func:`lr_size` reads it."""
