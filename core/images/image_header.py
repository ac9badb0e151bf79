"""The headers of image files: sizes, and the faults that show without decoding."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from PIL.ImageFile import ImageFile

from qnas.core.images.image_file import decoded, opened

_VERIFIED_BYTES: Final = 2**28  # of a set: reading and checking them takes about half a second
_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274  # tags of TIFF and EXIF
_LYING: Final = {5, 6, 7, 8}  # orientations in which rows and columns are swapped
_PNG_END: Final = b"IEND\xaeB`\x82"
_PNG_TEXT: Final = {b"tEXt", b"zTXt", b"iTXt"}
_PNG_KEYS: Final = (b"Raw profile type exif", b"XML:com.adobe.xmp")  # of texts in which Pillow looks for an orientation
_LONGEST_KEY: Final = max(map(len, _PNG_KEYS))
_JPEG_END: Final = b"\xff\xd9"
_STRIP_TAGS: Final = ((273, 279), (324, 325))  # offsets and byte counts of the strips or tiles of a TIFF


def image_sizes(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Height and width of each image, once it is turned upright according to its EXIF orientation.

    To bound the time, checksums are only checked if the files have at most 256 MiB in all. A file that seems to be
    truncated is decoded.

    Raises:
        InputError: A file can't be used; decoding it would raise the same error.
    """
    verify = sum(file.stat().st_size for file in files if file.exists()) <= _VERIFIED_BYTES
    return [image_size(file, verify=verify) for file in files]


def image_size(file: Path, *, verify: bool = False) -> tuple[int, int]:
    """Height and width of an image, once it is turned upright according to its EXIF orientation.

    Args:
        file: The image.
        verify: Whether to check its checksums, which reads the whole file.

    Raises:
        InputError: It can't be used; decoding it would raise the same error.
    """
    with opened(file, verify=verify) as image:
        if not _seems_cut(image, file):
            width, height = _stored_size(image)
            return (width, height) if height != width and _is_lying(image, file) else (height, width)
    with opened(file) as image:
        whole = decoded(image)
        return whole.height, whole.width


def _stored_size(image: ImageFile) -> tuple[int, int]:
    """Width and height as stored; for some formats, Pillow may have swapped them before decoding."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(_WIDTH, image.width), tags.get(_HEIGHT, image.height)


def _is_lying(image: ImageFile, file: Path) -> bool:
    if image.format == "PNG" and not _has_orientation(file):
        return False  # the call below would decode the image to read the chunks after its pixels
    try:
        return image.getexif().get(_ORIENTATION) in _LYING
    except Exception:  # broken EXIF may raise anything
        return False


def _has_orientation(file: Path) -> bool:
    """Whether a PNG has a chunk that may hold an orientation, before or after its pixels."""
    with file.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            content = stream.read(min(length, _LONGEST_KEY)) if kind in _PNG_TEXT else b""
            if kind == b"eXIf" or content.startswith(_PNG_KEYS):
                return True
            stream.seek(length - len(content) + 4, os.SEEK_CUR)
    return False


def _seems_cut(image: ImageFile, file: Path) -> bool:
    """Whether a file lacks the proper end of its format; a file that has it may still be broken inside."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        match image.format:
            case "PNG":
                return not _ends_with(stream, size, _PNG_END)
            case "JPEG" | "MPO":
                return not _ends_with(stream, size, _JPEG_END)
            case "WEBP":
                stream.seek(4)
                return int.from_bytes(stream.read(4), "little") + 8 > size
            case "BMP":
                width, height = image.size
                return image.tile[0].offset + height * _bmp_row(stream, width) > size
            case "TIFF":
                return _last_strip(image) > size
    return False


def _ends_with(stream: BinaryIO, size: int, end: bytes) -> bool:
    stream.seek(max(0, size - len(end)))
    return stream.read() == end


def _bmp_row(stream: BinaryIO, width: int) -> int:
    """Bytes in a row of a BMP, as if it were not compressed."""
    stream.seek(28)
    bits = int.from_bytes(stream.read(2), "little")
    return (width * bits + 31) // 32 * 4


def _last_strip(image: ImageFile) -> int:
    """The offset at which the last strip or tile of a TIFF ends."""
    tags = getattr(image, "tag_v2", {})
    ends = [
        offset + count
        for offsets, counts in _STRIP_TAGS
        for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
    ]
    return max(ends, default=0)
