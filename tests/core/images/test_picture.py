"""Image files of every kind, read, enlarged and written."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from qnas.core.errors import InputError
from qnas.core.images.picture import read_picture, write_png

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)
GRAY = RGB.convert("L")
OPACITY = Image.fromarray(np.linspace(0, 255, 54).astype(np.uint8).reshape(6, 9))


def triple(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(3, axis=0).repeat(3, axis=1)


def with_opacity(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(OPACITY)
    return image


@pytest.fixture
def through(tmp_path: Path):
    """Saves an image, reads, enlarges and writes it, and opens the result."""

    def pass_through(image: Image.Image, name: str = "image.png", **options: object) -> Image.Image:
        image.save(tmp_path / name, **options)
        write_png(read_picture(tmp_path / name).enlarged(triple), tmp_path / "result.png")
        with Image.open(tmp_path / "result.png") as result:
            result.load()
        return result

    return pass_through


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_colour_stays_colour(through, suffix):
    result = through(RGB, f"image.{suffix}")
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), triple(PIXELS))


@pytest.mark.parametrize("image", [GRAY, RGB.convert("1")], ids=["8 bits", "1 bit"])
def test_gray_stays_gray(through, image):
    result = through(image)
    assert result.mode == "L"
    np.testing.assert_array_equal(np.asarray(result), triple(np.asarray(image.convert("L"))))


@pytest.mark.parametrize("image", [RGB, GRAY], ids=["colour", "gray"])
def test_opacity_is_enlarged_by_bicubic(through, image):
    result = through(with_opacity(image))
    assert result.mode == {"RGB": "RGBA", "L": "LA"}[image.mode]
    expected = OPACITY.resize((27, 18), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.asarray(result.getchannel("A")), np.asarray(expected))
    np.testing.assert_array_equal(np.asarray(result.convert(image.mode)), triple(np.asarray(image)))


def test_a_palette_becomes_the_colours_that_it_stands_for(through):
    image = RGB.quantize(8)
    result = through(image)
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), triple(np.asarray(image.convert("RGB"))))


@pytest.mark.parametrize("kind", ["palette", "colour", "gray"])
def test_one_transparent_colour_becomes_opacity(through, kind):
    image = {"palette": RGB.quantize(8), "colour": RGB, "gray": GRAY}[kind]
    chosen = image.getpixel((2, 3))
    result = through(image, transparency=chosen)
    assert result.mode == ("LA" if kind == "gray" else "RGBA")
    inside = np.asarray(result.getchannel("A"))[1::3, 1::3]  # the middle of each old pixel
    is_chosen = np.asarray(image).reshape(6, 9, -1) == np.asarray(chosen)
    np.testing.assert_array_equal(inside < 128, is_chosen.all(axis=2))


def test_it_is_turned_as_exif_says(through):
    exif = Image.Exif()
    exif[0x0112] = 6
    result = through(RGB, exif=exif)
    np.testing.assert_array_equal(np.asarray(result), triple(np.rot90(PIXELS, -1)))
    assert 0x0112 not in result.getexif()


@pytest.mark.parametrize("image", [RGB, GRAY, with_opacity(RGB)], ids=lambda image: image.mode)
def test_the_colour_profile_is_kept(through, image):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert through(image, icc_profile=profile).info["icc_profile"] == profile
    assert "icc_profile" not in through(image).info


def test_printing_colours_become_rgb_without_their_profile(through):
    image = RGB.convert("CMYK")
    result = through(image, "image.tiff", icc_profile=b"of inks")
    assert result.mode == "RGB"
    assert "icc_profile" not in result.info
    np.testing.assert_array_equal(np.asarray(result), triple(np.asarray(image.convert("RGB"))))


def test_a_cameras_preview_behind_the_picture_is_left_out(tmp_path):
    RGB.save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=[RGB.rotate(180)])
    first = np.asarray(Image.open(tmp_path / "photo.jpg"))
    np.testing.assert_array_equal(read_picture(tmp_path / "photo.jpg").pixels, first)


def deep_png() -> bytes:
    """A PNG of 16 bits per channel in colour, which Pillow can read but not write."""
    stream = io.BytesIO()
    RGB.resize((2, 1)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[24] = 16  # the depth, in the header
    body = zlib.compress(b"\0" + bytes(2 * 3 * 2))
    header = bytes(content[12:29])
    chunk = lambda data: struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))  # noqa: E731
    return bytes(content[:8]) + chunk(header) + chunk(b"IDAT" + body) + chunk(b"IEND")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (deep_png(), "has 16 bits per channel: use 8 bits per channel"),
        (saved(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200), "PNG"), "has 16 bits per channel"),
        (saved(Image.fromarray(PIXELS[..., 0].astype(np.float32)), "TIFF"), "has pixels of mode 'F': use 8 bits"),
        (saved(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(90)]), "has 2 frames: only still images"),
        (b"hello", "is not an image in a known format"),
        (b"", "is not an image in a known format"),
        (saved(RGB.resize((300, 300)), "PNG")[:2000], "can't be decoded: "),
        (saved(RGB.resize((300, 300)), "JPEG")[:2000], "can't be decoded: "),
    ],
    ids=["deep colour", "deep gray", "float", "moving", "text", "empty", "cut PNG", "cut JPEG"],
)
def test_what_can_not_be_read_is_named(tmp_path, content, said):
    file = tmp_path / "image"
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_picture(file)
    assert str(error.value).startswith(f"{file}: {said}")


def test_a_folder_and_nothing_are_no_images(tmp_path):
    for file in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(InputError, match=rf"^{file}: can't be decoded: (Is a directory|No such file)"):
            read_picture(file)
