"""Images in both resolutions, made once and cached."""

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from qnas.core.components import Dataset, Degradation, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.loading import load_images

pytestmark = pytest.mark.usefixtures("cache")


MATLAB = Degradation.of("matlab")


def noise(seed: int, height: int = 12, width: int = 18) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Counted(Dataset):
    """Counts how often its images are asked for; they depend on ``seed``."""

    amount: int = 2
    seed: int = 0
    version: str = ""

    def images(self, scale: int) -> Iterator[SourceImage]:
        ASKED.append(scale)
        for index in range(self.amount):
            yield SourceImage(f"image {index}", noise(self.seed + index))

    def count(self) -> int:
        return self.amount

    def fingerprint(self) -> str:
        return self.version or super().fingerprint()


ASKED: list[int] = []


@pytest.fixture(autouse=True)
def asked() -> list[int]:
    ASKED.clear()
    return ASKED


def same(first, second) -> bool:
    return len(first) == len(second) and all(
        a.name == b.name and np.array_equal(a.hr, b.hr) and np.array_equal(a.lr, b.lr)
        for a, b in zip(first, second, strict=True)
    )


def test_images_are_made_once_and_read_from_the_cache_afterwards(asked):
    made = load_images(Counted(amount=12), 2, MATLAB)
    read = load_images(Counted(amount=12), 2, MATLAB)
    assert asked == [2]
    assert [image.name for image in read] == [f"image {index}" for index in range(12)]
    assert same(made, read)
    assert (read[0].hr.dtype, read[0].lr.dtype) == (np.uint8, np.uint8)


def test_progress_is_reported_while_they_are_made(asked):
    told: list[tuple[int, int]] = []
    load_images(Counted(amount=3), 2, MATLAB, report=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("other", "scale"), [(Counted(seed=5), 2), (Counted(amount=3), 2), (Counted(), 3), (Counted(version="b"), 2)]
)
def test_other_images_or_another_scale_have_a_cache_of_their_own(asked, other, scale):
    first = load_images(Counted(), 2, MATLAB)
    load_images(other, scale, MATLAB)
    assert len(asked) == 2
    assert same(load_images(Counted(), 2, MATLAB), first)
    assert len(asked) == 2


def test_two_classes_with_the_same_fields_do_not_share_a_cache(asked):
    class Other(Counted):
        pass

    load_images(Counted(), 2, MATLAB)
    load_images(Other(), 2, MATLAB)
    assert len(asked) == 2


def test_a_file_that_has_changed_is_read_again(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()

    def shades() -> list[int]:
        images = load_images(Dataset.of({"name": "folder", "path": str(folder)}), 2, MATLAB)
        return [int(image.hr[0, 0, 0]) for image in images]

    Image.new("RGB", (8, 8), (10, 0, 0)).save(folder / "a.png")
    os.utime(folder / "a.png", ns=(0, 1))
    assert shades() == [10]
    Image.new("RGB", (8, 8), (200, 0, 0)).save(folder / "a.png")
    os.utime(folder / "a.png", ns=(0, 2))
    assert shades() == [200]
    Image.new("RGB", (8, 8), (20, 0, 0)).save(folder / "b.png")
    assert shades() == [200, 20]


def only_file(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def replace(file: Path, content: bytes) -> None:
    """Replace the file; a mapping of the old one stays valid."""
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not HDF5 at all" * 100,
        lambda content: content[: len(content) // 2],
        lambda content: content[:-8],
        lambda content: b"\0" * len(content),
    ],
    ids=["empty", "rubbish", "half", "cut", "zeros"],
)
def test_a_damaged_cache_is_made_anew(cache, asked, damage):
    made = load_images(Counted(), 2, MATLAB)
    file = only_file(cache)
    replace(file, damage(file.read_bytes()))
    assert same(load_images(Counted(), 2, MATLAB), made)
    assert same(load_images(Counted(), 2, MATLAB), made)
    assert len(asked) == 2


@pytest.mark.parametrize("part", ["names", "arrays", "pixels/0"])
def test_a_cache_that_lacks_something_is_made_anew(cache, asked, part):
    made = load_images(Counted(), 2, MATLAB)
    file = only_file(cache)
    replace(file, file.read_bytes())
    with h5py.File(file, "a") as content:
        del content[part]
    assert same(load_images(Counted(), 2, MATLAB), made)
    assert len(asked) == 2


@pytest.mark.parametrize("side", ["hr", "lr"])
def test_a_cache_with_a_flipped_bit_is_made_anew(cache, asked, side):
    made = load_images(Counted(), 2, MATLAB)
    file = only_file(cache)
    content = bytearray(file.read_bytes())
    content[content.index(getattr(made[1], side).tobytes())] ^= 1
    replace(file, bytes(content))
    assert same(load_images(Counted(), 2, MATLAB), made)
    assert len(asked) == 2


def test_a_cache_that_can_not_be_written_costs_a_warning_only(cache, asked):
    cache.write_text("in the way")
    with pytest.warns(UserWarning, match="images are not cached in .*QNAS_CACHE"):
        made = load_images(Counted(), 2, MATLAB)
    np.testing.assert_array_equal(made[1].hr, noise(1))


def test_images_of_a_cache_that_is_deleted_or_made_anew_stay(cache):
    made = load_images(Counted(), 2, MATLAB)
    kept = [image.hr.copy() for image in made]
    replace(only_file(cache), b"something else")
    only_file(cache).unlink()
    for image, hr in zip(made, kept, strict=True):
        np.testing.assert_array_equal(image.hr, hr)


def test_images_that_can_not_be_made_leave_no_cache(cache):
    class Broken(Counted):
        def images(self, scale: int) -> Iterator[SourceImage]:
            yield from super().images(scale)
            raise InputError("is broken", "photo.png")

    with pytest.raises(InputError):
        load_images(Broken(), 2, MATLAB)
    assert not cache.exists() or list(cache.iterdir()) == []


class Deadly(Counted):
    """Ends the process at its first image, as a kill does."""

    def images(self, scale: int) -> Iterator[SourceImage]:
        yield from super().images(scale)
        os._exit(3)


def killed_while_packing() -> int:
    """The id of a process that has ended."""
    process = os.fork()
    if process == 0:
        load_images(Deadly(), 2, MATLAB)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
    return process


def made_old(file: Path) -> Path:
    """The file, as if last written to two hours ago."""
    then = file.stat().st_mtime - 7200
    os.utime(file, (then, then))
    return file


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be forked")
def test_what_a_killed_process_left_half_written_goes_with_the_next_that_is_made(cache):
    process = killed_while_packing()
    left = only_file(cache)
    assert left.name.endswith(f".{process}")
    load_images(Counted(seed=1), 2, MATLAB)
    assert left.exists()  # it was written to a moment ago: a process of another machine may be writing it
    made_old(left)
    load_images(Counted(seed=1), 2, MATLAB)  # nothing is made
    assert left.exists()
    load_images(Counted(seed=2), 2, MATLAB)
    assert not left.exists()
    assert len(list(cache.iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be forked")
def test_what_others_write_or_own_in_the_cache_stays(cache):
    dead = killed_while_packing()
    only_file(cache).unlink()
    names = [f".images-0.h5.{os.getppid()}", f".mine.{dead}", ".images-0.h5.1a", f"images-0.h5.{dead}"]
    for name in (*names, f".images-0.h5.{dead}"):
        (cache / name).write_text("")
        made_old(cache / name)
    load_images(Counted(), 2, MATLAB)
    assert {file.name for file in cache.iterdir() if file.stat().st_size == 0} == set(names)


@pytest.mark.parametrize("degradation", ["matlab", "pillow"])
def test_lr_is_made_in_the_way_that_is_asked_for_and_read_again(asked, degradation):
    (loaded,) = load_images(Counted(amount=1), 2, Degradation.of(degradation))
    np.testing.assert_array_equal(loaded.lr, Degradation.of(degradation).degrade(noise(0), (6, 9), ""))
    (again,) = load_images(Counted(amount=1), 2, Degradation.of(degradation))
    np.testing.assert_array_equal(again.lr, loaded.lr)
    assert len(asked) == 1


def test_each_way_to_make_lr_has_a_cache_of_its_own(asked):
    matlab, pillow, again = (
        load_images(Counted(), 2, Degradation.of(way))[0].lr for way in ("matlab", "pillow", "matlab")
    )
    assert len(asked) == 2
    assert (matlab != pillow).any()
    np.testing.assert_array_equal(matlab, again)
