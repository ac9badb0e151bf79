"""Sizes in headers are those of the decoded images, and a bad header is refused in the same words as by decoding."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from qnas.core.errors import InputError
from qnas.core.images.image_header import image_size, image_sizes
from qnas.plugins.datasets.reading import read_image

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 34, 3), dtype=np.uint8))
SUFFIXES = (".png", ".jpg", ".webp", ".bmp", ".tif")


def refusal(read, file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(file)
    return str(caught.value)


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_size_is_that_of_the_upright_image(tmp_path, suffix, orientation):
    PICTURE.save(tmp_path / f"a{suffix}", exif=exif(orientation))
    assert image_size(tmp_path / f"a{suffix}") == read_image(tmp_path / f"a{suffix}").shape[:2]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_png_may_say_how_it_is_turned_anywhere(tmp_path, where):
    stream = io.BytesIO()
    PICTURE.save(stream, "PNG", exif=exif(6))
    content = stream.getvalue()
    start = content.index(b"eXIf") - 4
    length = 12 + int.from_bytes(content[start : start + 4], "big")
    part, rest = content[start : start + length], content[:start] + content[start + length :]
    place = 33 if where == "before" else len(rest) - 12
    (tmp_path / "a.png").write_bytes(rest[:place] + part + rest[place:])
    assert image_size(tmp_path / "a.png") == read_image(tmp_path / "a.png").shape[:2] == (34, 20)


def test_a_png_may_say_so_in_the_text_of_imagemagick(tmp_path):
    text = PngImagePlugin.PngInfo()
    raw = exif(8).tobytes().hex()
    text.add_text("Raw profile type exif", f"\nexif\n{len(raw) // 2:8}\n{raw}\n", zip=True)
    PICTURE.save(tmp_path / "a.png", pnginfo=text)
    assert image_size(tmp_path / "a.png") == read_image(tmp_path / "a.png").shape[:2] == (34, 20)


def test_no_pixel_is_decoded_of_a_whole_file(tmp_path, monkeypatch):
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "a camera")
    for suffix in SUFFIXES:
        PICTURE.save(tmp_path / f"a{suffix}", **({"pnginfo": text} if suffix == ".png" else {}))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("an image is decoded"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "getexif", lambda self: pytest.fail("a PNG is decoded"))
    assert image_sizes([tmp_path / f"a{suffix}" for suffix in SUFFIXES]) == [(20, 34)] * len(SUFFIXES)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_cut_short_is_refused_as_decoding_does(tmp_path, suffix, share):
    file = tmp_path / f"a{suffix}"
    PICTURE.save(file)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    said = refusal(read_image, file)
    assert refusal(image_size, file) == said
    assert refusal(lambda path: image_sizes([path]), file) == said


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_what_stands_behind_an_image_does_no_harm(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    PICTURE.save(file)
    file.write_bytes(file.read_bytes() + b"\0" * 100)
    assert image_size(file) == (20, 34)


def animated(file: Path) -> None:
    PICTURE.save(file, save_all=True, append_images=[PICTURE.rotate(180)])


def deep(file: Path) -> None:
    Image.fromarray(np.arange(480, dtype=np.uint16).reshape(20, 24)).save(file)


def flipped_bit(file: Path) -> None:
    PICTURE.save(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


UNUSABLE = {
    "animated PNG": (".png", animated, "has 2 frames: only still images can be used"),
    "animated WebP": (".webp", animated, "has 2 frames: only still images can be used"),
    "pages of a TIFF": (".tif", animated, "has 2 frames: only still images can be used"),
    "16 bits": (".png", deep, "has 16 bits per channel: use 8 bits per channel"),
    "floats": (".tif", lambda file: PICTURE.convert("F").save(file), "has pixels of mode 'F': use 8 bits per channel"),
    "text": (".png", lambda file: file.write_text("hello"), "is not an image in a known format"),
    "another format": (".png", lambda file: PICTURE.save(file, "GIF"), "is not an image in a known format"),
    "a flipped bit": (".png", flipped_bit, "can't be decoded: "),
}


@pytest.mark.parametrize(("suffix", "write", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_can_not_be_used_is_refused_as_decoding_does(tmp_path, suffix, write, said):
    write(tmp_path / f"a{suffix}")
    decoding = refusal(read_image, tmp_path / f"a{suffix}")
    assert decoding.startswith(f"{tmp_path / f'a{suffix}'}: {said}")
    assert refusal(lambda file: image_sizes([file]), tmp_path / f"a{suffix}") == decoding


def test_a_preview_behind_the_picture_of_a_camera_is_passed_over(tmp_path):
    PICTURE.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[PICTURE.resize((8, 8))])
    assert image_size(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[:2] == (20, 34)


def test_of_large_sets_no_checksum_is_checked(tmp_path, monkeypatch):
    flipped_bit(tmp_path / "a.png")
    monkeypatch.setattr("qnas.core.images.image_header._VERIFIED_BYTES", 1000)
    assert image_sizes([tmp_path / "a.png"]) == [(20, 34)]


@settings(max_examples=80, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suffix=st.sampled_from(SUFFIXES), data=st.data())
def test_a_damaged_file_is_never_refused_where_it_can_be_decoded(tmp_path, suffix, data):
    file = tmp_path / f"a{suffix}"
    PICTURE.save(file)
    content = bytearray(file.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        decoded = read_image(file)
    except InputError as error:
        said = str(error)
        try:
            image_sizes([file])  # only decoding shows the fault
        except InputError as refused:
            assert str(refused) == said
    else:
        assert image_sizes([file]) == [decoded.shape[:2]]
