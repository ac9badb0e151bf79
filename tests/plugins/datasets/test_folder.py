"""A user's own images: formats, broken files, and HR and LR paired by name."""

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from qnas.core.errors import InputError
from qnas.plugins.datasets.folder import Folder, list_images, pair_by_name, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
GRAY = np.asarray(PICTURE.convert("L"))


def ramp() -> Image.Image:
    """A smooth picture, which lossy formats hardly change."""
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
    assert list_images(tmp_path) == [file]
    read = read_image(file)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, PIXELS)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_formats_with_loss_are_read_nearly(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    ramp().save(file, quality=95)
    assert list_images(tmp_path) == [file]
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


@pytest.mark.parametrize("transparency", [None, 3], ids=["opaque", "one colour transparent"])
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


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_of_gray_are_refused(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    Image.fromarray(np.arange(480, dtype=np.uint16).reshape(20, 24)).save(file)
    with pytest.raises(InputError) as caught:
        read_image(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "8 bits a channel" in str(caught.value)


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4)], ids=["RGB", "RGBA"])
def test_16_bits_of_colour_are_refused(tmp_path, colour_type, channels):
    rows = b"".join(b"\0" + bytes(range(4 * channels * 2)) for _ in range(4))
    (tmp_path / "a.png").write_bytes(png(4, 4, 16, colour_type, rows))
    with pytest.raises(InputError, match="8 bits a channel"):
        read_image(tmp_path / "a.png")


def test_16_bits_a_pixel_are_read(tmp_path):
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    content = struct.pack("<2sIHHI", b"BM", 70, 0, 0, 66) + header + masks + struct.pack("<HH", 0xF800, 0x001F)
    (tmp_path / "a.bmp").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), [[[255, 0, 0], [0, 0, 255]]])


def test_floating_point_pixels_are_refused(tmp_path):
    PICTURE.convert("F").save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="8 bits a channel"):
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


@settings(max_examples=60, deadline=None)
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


def test_other_files_and_folders_are_passed_over(tmp_path):
    PICTURE.save(tmp_path / "b.png")
    PICTURE.save(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "c.png").mkdir()
    (tmp_path / "d.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "._b.png").write_bytes(b"left by a file manager")
    assert [file.name for file in list_images(tmp_path)] == ["a.jpg", "b.png"]
    assert Folder(path=tmp_path).count() == 2


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(InputError) as caught:
        Folder(path=tmp_path).count()
    assert str(caught.value).startswith(f"{tmp_path}: no images in the folder (looked for .png, ")


@pytest.mark.parametrize("ask", [lambda f: f.count(), lambda f: list(f.images(2)), lambda f: f.fingerprint()])
def test_a_missing_folder_is_told(tmp_path, ask):
    with pytest.raises(InputError) as caught:
        ask(Folder(path=tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path / 'none'}: can't read the folder: No such file or directory"


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="Not a directory"):
        Folder(path=tmp_path / "a.png").count()


@pytest.mark.parametrize("path", ["~no-such-user-anywhere/images", "images\0"])
def test_a_path_that_can_not_be_is_told(path):
    with pytest.raises(InputError, match="can't read the folder"):
        Folder(path=path).count()


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    PICTURE.save(tmp_path / "a.png")
    assert Folder(path="~").count() == 1


def test_images_come_by_name_each_with_its_pixels(tmp_path):
    for shade in (30, 10, 20):
        Image.new("RGB", (8, 6), (shade, 0, 0)).save(tmp_path / f"{shade}.png")
    images = list(Folder(path=tmp_path).images(2))
    assert [Path(image.name).name for image in images] == ["10.png", "20.png", "30.png"]
    assert [int(image.hr[0, 0, 0]) for image in images] == [10, 20, 30]
    assert [image.lr for image in images] == [None] * 3


@pytest.fixture
def pairs(tmp_path):
    """Writes HR and LR images whose red value tells which image they are of."""

    def write(hr: dict[str, int], lr: dict[str, int]) -> Folder:
        for folder, names, size in (("hr", hr, 16), ("lr", lr, 4)):
            (tmp_path / folder).mkdir()
            for name, shade in names.items():
                Image.new("RGB", (size, size), (shade, 0, 0)).save(tmp_path / folder / name)
        return Folder(path=tmp_path / "hr", lr_path=tmp_path / "lr")

    return write


def shades(folder: Folder) -> list[tuple[int, int]]:
    return [(int(image.hr[0, 0, 0]), int(image.lr[0, 0, 0])) for image in folder.images(4)]


@pytest.mark.parametrize(
    "lr",
    [
        {"a.png": 1, "b.png": 2, "c.png": 3},
        {"ax4.png": 1, "bx4.png": 2, "cx4.png": 3},
        {"cx4.png": 3, "a.bmp": 1, "bx4.tif": 2},
    ],
    ids=["same name", "with x4", "mixed"],
)
def test_lr_images_are_paired_by_name(pairs, lr):
    folder = pairs({"b.png": 2, "c.png": 3, "a.png": 1}, lr)
    assert shades(folder) == [(1, 1), (2, 2), (3, 3)]


def test_names_that_sort_differently_with_the_suffix_are_paired_right(pairs):
    # Sorted, 'a' stands before 'ab' but 'ax4' after 'abx4'.
    folder = pairs({"a.png": 1, "ab.png": 2}, {"ax4.png": 1, "abx4.png": 2})
    assert shades(folder) == [(1, 1), (2, 2)]


def test_hr_names_may_end_in_the_suffix_themselves(pairs):
    assert shades(pairs({"ax4.png": 1, "a.png": 2}, {"ax4x4.png": 1, "ax4.png": 2})) == [(2, 2), (1, 1)]


names = st.lists(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=8, unique=True)


@settings(max_examples=80, deadline=None)
@given(names=names, scale=st.sampled_from([2, 3, 4]), data=st.data())
def test_pairing_does_not_depend_on_the_order_of_the_listings(names, scale, data):
    names = [name for name in names if not name.endswith(f"x{scale}")] or ["only"]
    suffixed = {name: data.draw(st.booleans(), label=name) for name in names}
    hr = [Path(f"{name}.png") for name in data.draw(st.permutations(names))]
    lr = [
        Path(f"{name}x{scale}.png" if suffixed[name] else f"{name}.png") for name in data.draw(st.permutations(names))
    ]
    for of_hr, of_lr in zip(hr, pair_by_name(hr, lr, scale), strict=True):
        assert of_lr.stem in {of_hr.stem, f"{of_hr.stem}x{scale}"}


MISFITS = {
    "missing": ({"a.png": 1, "b.png": 2}, {"ax4.png": 1}, ["no LR image for b.png"]),
    "left over": ({"a.png": 1}, {"ax4.png": 1, "zx4.png": 2}, ["no HR image for zx4.png"]),
    "both": ({"a.png": 1, "b.png": 2}, {"a.png": 1, "z.png": 2}, ["no LR image for b.png", "no HR image for z.png"]),
    "suffix of another scale": ({"a.png": 1}, {"ax2.png": 1}, ["a.png", "ax2.png"]),
    "twice": ({"a.png": 1}, {"a.png": 1, "ax4.png": 2}, ["two LR images for 'a'", "a.png", "ax4.png"]),
    "two formats": ({"a.png": 1}, {"a.png": 1, "a.bmp": 2}, ["two LR images for 'a'", "a.png", "a.bmp"]),
    "one for two names": ({"a.png": 1, "ax4.png": 2}, {"a.png": 1}, ["several HR images for the LR image a.png"]),
    "one for two formats": ({"a.png": 1, "a.bmp": 2}, {"a.png": 1}, ["several HR images for the LR image a.png"]),
}


@pytest.mark.parametrize(("hr", "lr", "gist"), MISFITS.values(), ids=MISFITS)
def test_images_without_a_partner_are_an_error_that_names_them(pairs, tmp_path, hr, lr, gist):
    with pytest.raises(InputError) as caught:
        list(pairs(hr, lr).images(4))
    assert str(caught.value).startswith(str(tmp_path))
    assert all(part in str(caught.value) for part in gist)


def test_many_missing_partners_are_counted(pairs):
    folder = pairs({f"{i}.png": i for i in range(1, 8)}, {"1.png": 1})
    with pytest.raises(InputError, match=r"no LR image for 2.png, 3.png, 4.png and 3 more$"):
        list(folder.images(4))


def test_a_missing_lr_folder_is_told_before_anything_is_decoded(pairs, tmp_path):
    folder = pairs({"a.png": 1}, {"a.png": 1})
    shutil.rmtree(tmp_path / "lr")
    with pytest.raises(InputError, match=r"lr: can't read the folder"):
        folder.count()


def test_the_fingerprint_follows_every_change(pairs, tmp_path):
    folder = pairs({"a.png": 1}, {"a.png": 1})
    seen = {folder.fingerprint(), Folder(path=tmp_path / "hr").fingerprint()}
    assert folder.fingerprint() in seen
    os.utime(tmp_path / "lr" / "a.png", ns=(0, 1))
    seen.add(folder.fingerprint())
    Image.new("RGB", (16, 16)).save(tmp_path / "hr" / "b.png")
    seen.add(folder.fingerprint())
    (tmp_path / "hr" / "b.png").rename(tmp_path / "hr" / "c.png")
    seen.add(folder.fingerprint())
    assert len(seen) == 5
