"""Image files: formats, modes, and broken ones."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from qnas.core.errors import InputError
from qnas.plugins.datasets.reading import read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
GRAY = np.asarray(PICTURE.convert("L"))


def ramp() -> Image.Image:
    """A smooth picture, hardly changed by lossy formats."""
    rows, columns = np.mgrid[0:48, 0:64]
    return Image.fromarray(np.stack([4 * columns, 5 * rows, 2 * (rows + columns)], axis=-1).astype(np.uint8))


def png(width: int, height: int, bits: int, colour_type: int, pixels: bytes) -> bytes:
    """A PNG file, made by hand since Pillow writes no 16-bit colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = zlib.compress(pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".webp", ".PNG", ".Tif"])
def test_formats_without_loss_are_read_to_the_pixel(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    PICTURE.save(file, lossless=True)
    read = read_image(file)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, PIXELS)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_formats_with_loss_are_read_nearly(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    ramp().save(file, quality=95)
    assert np.abs(read_image(file).astype(int) - np.asarray(ramp())).mean() < 3


def test_gray_is_spread_over_three_channels(tmp_path):
    PICTURE.convert("L").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.repeat(GRAY[..., None], 3, axis=2))


@pytest.mark.parametrize(("mode", "truth"), [("RGBA", PIXELS), ("LA", np.repeat(GRAY[..., None], 3, axis=2))])
def test_transparency_is_left_out(tmp_path, mode, truth):
    picture = PICTURE.convert(mode)
    picture.putalpha(Image.fromarray(PIXELS[..., 0]))
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), truth)


@pytest.mark.parametrize(
    "transparency",
    [None, 3, bytes(range(0, 256, 16))],
    ids=["opaque", "one colour transparent", "every colour more or less"],
)
def test_a_palette_is_looked_up(tmp_path, recwarn, transparency):
    palette = PICTURE.quantize(16)
    palette.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    colours = np.array(palette.getpalette()[: 3 * 16], dtype=np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours[np.asarray(palette)])
    assert not recwarn.list


def test_one_bit_is_black_and_white(tmp_path):
    black = PIXELS[..., 0] > 127
    Image.fromarray(black).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.where(black, 255, 0)[..., None].repeat(3, 2))


def test_cmyk_is_turned_into_rgb(tmp_path):
    PICTURE.convert("CMYK").save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PIXELS)


def test_a_cmyk_jpeg_is_turned_into_rgb(tmp_path):
    ramp().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - np.asarray(ramp())).mean() < 3


# For each orientation of EXIF 2.3 (4.6.4 A): the place of the stored row i and column j in the upright (H, W) picture.
PLACES = {
    1: lambda i, j, h, w: (i, j),
    2: lambda i, j, h, w: (i, w - 1 - j),
    3: lambda i, j, h, w: (h - 1 - i, w - 1 - j),
    4: lambda i, j, h, w: (h - 1 - i, j),
    5: lambda i, j, h, w: (j, i),
    6: lambda i, j, h, w: (j, w - 1 - i),
    7: lambda i, j, h, w: (h - 1 - j, w - 1 - i),
    8: lambda i, j, h, w: (h - 1 - j, i),
}


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", PLACES)
def test_a_picture_is_turned_upright_as_its_exif_says(tmp_path, orientation, suffix):
    height, width, _ = PIXELS.shape
    rows, columns = np.mgrid[0:width, 0:height] if orientation > 4 else np.mgrid[0:height, 0:width]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(PIXELS[PLACES[orientation](rows, columns, height, width)])
    stored.save(tmp_path / f"a{suffix}", exif=exif, lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), PIXELS)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01", b"Exif\0\0no TIFF", b"Exif\0\0MM"])
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_exif_that_is_broken_is_passed_over(tmp_path, exif, suffix):
    PICTURE.save(tmp_path / f"a{suffix}", exif=exif, lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), PIXELS)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_of_gray_are_refused(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    Image.fromarray(np.arange(480, dtype=np.uint16).reshape(20, 24)).save(file)
    with pytest.raises(InputError) as caught:
        read_image(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "8 bits per channel" in str(caught.value)


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4)], ids=["RGB", "RGBA"])
def test_16_bits_of_colour_are_refused(tmp_path, colour_type, channels):
    rows = b"".join(b"\0" + bytes(range(4 * channels * 2)) for _ in range(4))
    (tmp_path / "a.png").write_bytes(png(4, 4, 16, colour_type, rows))
    with pytest.raises(InputError, match="8 bits per channel"):
        read_image(tmp_path / "a.png")


def test_16_bits_a_pixel_are_read(tmp_path):
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    content = struct.pack("<2sIHHI", b"BM", 70, 0, 0, 66) + header + masks + struct.pack("<HH", 0xF800, 0x001F)
    (tmp_path / "a.bmp").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), [[[255, 0, 0], [0, 0, 255]]])


def test_floating_point_pixels_are_refused(tmp_path):
    PICTURE.convert("F").save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="8 bits per channel"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"], ids=["empty", "text", "header only"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a.png")
    assert str(caught.value).startswith(f"{tmp_path / 'a.png'}: ")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_truncated_image_is_named_and_never_half_read(tmp_path, suffix, share):
    file = tmp_path / f"a{suffix}"
    PICTURE.save(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="can't be decoded") as caught:
        read_image(file)
    assert str(caught.value).startswith(f"{file}: ")


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), suffix=st.sampled_from([".png", ".jpg", ".webp", ".bmp"]))
def test_a_corrupt_image_is_an_input_error_or_an_image(tmp_path_factory, seed, suffix):
    random = np.random.default_rng(seed)
    file = tmp_path_factory.getbasetemp() / f"corrupt{suffix}"
    PICTURE.save(file)
    content = bytearray(file.read_bytes())
    for _ in range(4):
        content[random.integers(len(content))] = random.integers(256)
    file.write_bytes(content)
    try:
        assert read_image(file).shape[2] == 3
    except InputError as error:
        assert str(file) in str(error)


def test_a_decompression_bomb_is_refused_unread(tmp_path):
    (tmp_path / "a.png").write_bytes(png(60_000, 60_000, 8, 2, b""))
    with pytest.raises(InputError, match="3600000000 pixels"):
        read_image(tmp_path / "a.png")
