"""Damaged or harmful images: they are refused in one line, or read. PNG and truncated files are never read as another
image."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, strategies as st
from PIL import Image

from qnas.core.errors import InputError
from qnas.core.images.picture import read_picture
from qnas.plugins.datasets.reading import read_image

from ..fuzz import fuzzed

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
KINDS = {
    "png": {},
    "jpeg": {"quality": 90},
    "webp": {"lossless": True},
    "bmp": {},
    "tiff": {"compression": "tiff_lzw"},
}


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 1
    Image.fromarray(PIXELS).save(stream, kind, exif=exif.tobytes(), **KINDS[kind])
    return stream.getvalue()


WHOLE = {kind: encoded(kind) for kind in KINDS}


def read_or_refused(path: Path, content: bytes) -> list[np.ndarray]:
    """The results of the two readers for a file that they don't properly refuse."""
    path.write_bytes(content)
    read = []
    for reader in (read_image, lambda file: read_picture(file).pixels):
        try:
            read.append(reader(path))
        except InputError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
    return read


pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of Pillow before its error
generated = fuzzed(150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@generated
@given(kind=st.sampled_from(list(KINDS)), data=st.data())
def test_a_flipped_bit_is_told_of_or_read_and_nothing_else(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    for place in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3, unique=True)):
        content[place // 8] ^= 1 << place % 8
    for pixels in read_or_refused(tmp_path / f"a.{kind}", bytes(content)):
        assert kind != "png" or np.array_equal(pixels, PIXELS)  # the only format with checksums


@generated
@given(kind=st.sampled_from(list(KINDS)), share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_short_is_told_of(tmp_path: Path, kind: str, share: float) -> None:
    content = WHOLE[kind][: int(share * len(WHOLE[kind]))]
    whole = read_image(_written(tmp_path / f"whole.{kind}", WHOLE[kind]))
    for pixels in read_or_refused(tmp_path / f"a.{kind}", content):
        np.testing.assert_array_equal(pixels, whole)  # only what follows the pixels may be missing


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    content = WHOLE["jpeg"]
    at = content.index(b"\xff\xc0")
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def bmp(width: int, height: int) -> bytes:
    return WHOLE["bmp"][:18] + struct.pack("<ii", width, height) + WHOLE["bmp"][26:]


def tiff(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (7, 9)).save(stream, "tiff")
    small = struct.pack("<HHII", 256, 4, 1, 7), struct.pack("<HHII", 257, 4, 1, 9)
    large = struct.pack("<HHII", 256, 4, 1, width), struct.pack("<HHII", 257, 4, 1, height)
    content = stream.getvalue()
    for one, other in zip(small, large, strict=True):
        assert one in content
        content = content.replace(one, other)
    return content


@pytest.mark.parametrize("bomb", [png, jpeg, bmp, tiff], ids=lambda make: make.__name__)
def test_an_image_of_an_absurd_size_is_refused_before_it_takes_memory(bomb, tmp_path: Path) -> None:
    path = _written(tmp_path / f"bomb.{bomb.__name__}", bomb(60_000, 60_000))
    for read in (read_image, read_picture):
        with pytest.raises(
            InputError, match=r"bomb\.\w+: can't be decoded: Image size \(3600000000 pixels\) exceeds limit"
        ):
            read(path)


def test_text_in_a_png_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    content = zlib.compress(bytes(10 * 2**20), 9)
    body = b"iCCPname\x00\x00" + content
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    bomb = WHOLE["png"][:33] + chunk * 20 + WHOLE["png"][33:]
    read = read_or_refused(tmp_path / "a.png", bomb)
    assert all(np.array_equal(pixels, PIXELS) for pixels in read)


POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(/tmp/x) (w) file pop showpage\n%%EOF\n"
)


def test_a_file_of_another_kind_is_no_image_whatever_it_is_called(tmp_path: Path) -> None:
    assert Image.open(io.BytesIO(POSTSCRIPT)).format == "EPS"  # which Pillow would give to Ghostscript
    others = {"eps": POSTSCRIPT}
    for kind in ("gif", "ppm", "ico"):
        stream = io.BytesIO()
        Image.fromarray(PIXELS).save(stream, kind)
        others[kind] = stream.getvalue()
    for content in others.values():
        path = _written(tmp_path / "a.png", content)
        for read in (read_image, read_picture):
            with pytest.raises(InputError, match=r"a\.png: is not an image in a known format"):
                read(path)
