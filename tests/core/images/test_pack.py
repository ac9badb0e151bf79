"""Packs: what goes in comes out, all damage is reported, and only what is needed is read."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from qnas.core.errors import InputError
from qnas.core.images import pack as pack_module
from qnas.core.images.pack import HR, Pack, new_pack

Images = list[tuple[str, dict[int, np.ndarray]]]


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def some(amount: int = 3) -> Images:
    return [(f"image {i}", {HR: noise(i, 9, 8 + i), 2: noise(10 + i, 4, 4 + i // 2)}) for i in range(amount)]


def packed(path: Path, images: Images, scales: tuple[int, ...] = (2,)) -> Pack:
    with new_pack(path, scales, "matlab") as writer:
        for name, sides in images:
            writer.add(name, sides)
    return Pack(path)


def replace(path: Path, content: bytes) -> None:
    """Replace the file; a mapping of the old one stays valid."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def changed(path: Path) -> h5py.File:
    replace(path, path.read_bytes())
    return h5py.File(path, "a")


sizes = st.tuples(st.integers(8, 20), st.integers(8, 20))
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.sampled_from(
    ["größe 1.png", "写真/一.png", "a b\nc.png", "no utf-8: \udcff.png", "'\"\\", "🏞.webp"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.lists(st.tuples(names, sizes), min_size=1, max_size=6, unique_by=lambda shape: shape[0]),
    scales=st.lists(st.integers(1, 8), unique=True, max_size=3).map(lambda s: tuple(sorted(s))),
    block=st.sampled_from([1, 300, 2**20]),
    seed=st.integers(0, 99),
)
def test_what_goes_in_comes_out(tmp_path, monkeypatch, shapes, scales, block, seed):
    monkeypatch.setattr(pack_module, "_BLOCK_BYTES", block)
    images = [
        (
            name,
            {scale: noise(seed + index + scale, *(side // (scale or 1) for side in size)) for scale in (HR, *scales)},
        )
        for index, (name, size) in enumerate(shapes)
    ]
    pack = packed(tmp_path / "a.h5", images, scales)
    assert list(pack.names) == [name for name, _ in images]
    assert (len(pack), pack.scales, pack.degradation) == (len(images), scales, "matlab")
    for index, (_, sides) in enumerate(images):
        read = pack.images(index)
        assert list(read) == [HR, *scales]
        for scale, pixels in sides.items():
            np.testing.assert_array_equal(read[scale], pixels, strict=True)


def test_other_programs_find_the_pixels_as_it_is_written_there(tmp_path):
    images = some()
    packed(tmp_path / "a.h5", images)
    with h5py.File(tmp_path / "a.h5") as file:
        block, start, height, width, _ = file["arrays"][1, 0]
        pixels = file[f"pixels/{block}"][start : start + height * width * 3].reshape(height, width, 3)
        assert file["names"].asstr()[1] == "image 1"
    np.testing.assert_array_equal(pixels, images[1][1][HR])


def test_images_that_are_not_contiguous_are_packed_right(tmp_path):
    image = noise(0, 12, 10)[::-1, ::2].transpose(1, 0, 2)
    np.testing.assert_array_equal(packed(tmp_path / "a.h5", [("a", {HR: image})], ()).pixels(0, HR), image)


def test_what_is_read_can_not_be_written_to(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        packed(tmp_path / "a.h5", some()).pixels(0, HR)[0, 0, 0] = 1


def test_the_digest_follows_the_pixels_and_the_names(tmp_path):
    images = some()
    other_pixel = [(name, {**sides, HR: sides[HR] ^ np.uint8(1)}) for name, sides in images]
    other_name = [(name.upper(), sides) for name, sides in images]
    made = [packed(tmp_path / f"{i}.h5", of) for i, of in enumerate((images, some(), other_pixel, other_name))]
    assert made[0].digest == made[1].digest
    assert len({pack.digest for pack in made}) == 3


def test_a_pack_goes_to_another_process_by_its_path(tmp_path):
    pack = packed(tmp_path / "a.h5", some(20))
    sent = pickle.dumps(pack)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent).pixels(19, 2), pack.pixels(19, 2))


def test_what_is_mapped_stays_when_another_pack_takes_its_place(tmp_path):
    images = some()
    before = packed(tmp_path / "a.h5", images)
    packed(tmp_path / "a.h5", some(1))
    np.testing.assert_array_equal(before.pixels(2, HR), images[2][1][HR])
    (tmp_path / "a.h5").unlink()
    np.testing.assert_array_equal(before.pixels(1, 2), images[1][1][2])


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_what_ends_in_between_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.h5"
    digest = packed(path, some()).digest
    with pytest.raises(error), new_pack(path, (2,), "matlab") as writer:
        writer.add(*some()[0])
        raise error
    assert Pack(path).digest == digest
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_image_is_named_when_it_is_asked_for_and_others_are_read(tmp_path):
    images = some()
    path = tmp_path / "a.h5"
    packed(path, images)
    content = bytearray(path.read_bytes())
    content[content.index(images[1][1][HR].tobytes()) + 5] ^= 4
    replace(path, bytes(content))
    pack = Pack(path)
    np.testing.assert_array_equal(pack.pixels(0, HR), images[0][1][HR])
    np.testing.assert_array_equal(pack.pixels(1, 2), images[1][1][2])
    with pytest.raises(InputError) as caught:
        pack.pixels(1, HR)
    assert str(caught.value) == f"{path}: the image 'image 1' is damaged: make it again with qnas data pack"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_told_or_does_no_harm(tmp_path, data):
    path = tmp_path / "a.h5"
    images = some()
    packed(path, images)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    replace(path, bytes(content))
    try:
        pack = Pack(path)
        read = [(name, pack.images(index)) for index, name in enumerate(pack.names)]
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        return
    for (name, sides), (read_name, read_sides) in zip(images, read, strict=True):
        assert name == read_name
        for scale in (HR, 2):
            np.testing.assert_array_equal(sides[scale], read_sides[scale])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_pack_that_is_cut_short_is_told(tmp_path, share):
    path = tmp_path / "a.h5"
    packed(path, some())
    content = path.read_bytes()
    replace(path, content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"a\.h5: is (cut short or damaged: make it again with|not a pack)"):
        Pack(path)


def test_a_pack_of_another_version_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "a.h5"
    packed(path, some())
    with changed(path) as file:
        file.attrs["version"] = 0
    with pytest.raises(InputError) as caught:
        Pack(path)
    assert str(caught.value) == (
        f"{path}: is a pack of version 0, and this qnas reads version 1: make it again with qnas data pack"
    )


@pytest.mark.parametrize("part", ["names", "arrays", "pixels/0", "pixels"])
def test_a_pack_that_lacks_something_is_told(tmp_path, part):
    path = tmp_path / "a.h5"
    packed(path, some())
    with changed(path) as file:
        del file[part]
    with pytest.raises(InputError, match="is cut short or damaged"):
        Pack(path)


def test_another_hdf5_file_is_told(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="is an HDF5 file, but not a pack"):
        Pack(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none.h5", "No such file or directory"),
        ("", "Is a directory"),
        ("a\0", "null byte"),
        ("~nobody-here/a", "home"),
    ],
)
def test_a_path_that_can_not_be_is_told(tmp_path, monkeypatch, path, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"can't be read: .*{reason}"):
        Pack(Path(path))


def test_a_scale_that_is_not_there_is_told_with_the_command_that_adds_it(tmp_path):
    pack = packed(
        tmp_path / "my images.h5",
        [("a", {s: noise(s, 12 // (s or 1), 12 // (s or 1)) for s in (HR, 2, 3, 4)})],
        (2, 3, 4),
    )
    pack.refuse_missing(3)
    with pytest.raises(InputError) as caught:
        pack.refuse_missing(8)
    command = f"qnas data pack '{pack.path}' NEW.h5 --scale 2 --scale 3 --scale 4 --scale 8"
    assert str(caught.value) == f"{pack.path}: has LR images of scale 2, 3 and 4, not 8 (add them: {command})"
