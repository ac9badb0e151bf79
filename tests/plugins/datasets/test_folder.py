"""A user's own images: found in folders, and HR and LR paired by name."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas.core.components import Dataset
from qnas.core.errors import InputError
from qnas.core.images.image_file import SUFFIXES
from qnas.core.spec import load_spec
from qnas.plugins.datasets.folder import Folder
from qnas.plugins.datasets.layouts import find_layout
from qnas.testing import check_dataset

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8))


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG", ".Tif"])
def test_every_suffix_is_found(tmp_path, suffix):
    PICTURE.save(tmp_path / f"a{suffix}")
    (image,) = Folder(path=tmp_path).images(2)
    assert image.name == f"a{suffix}"
    assert image.hr.shape == (20, 24, 3)


def test_an_empty_folder_is_reported(tmp_path):
    with pytest.raises(InputError) as caught:
        Folder(path=tmp_path).count()
    assert str(caught.value).startswith(f"{tmp_path}: no images in the folder (looked for .png, ")


@pytest.mark.parametrize("ask", [lambda f: f.count(), lambda f: list(f.images(2)), lambda f: f.fingerprint()])
def test_a_missing_folder_is_reported(tmp_path, ask):
    with pytest.raises(InputError) as caught:
        ask(Folder(path=tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path / 'none'}: can't read the folder: No such file or directory"


def test_a_file_in_place_of_a_folder_is_reported(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="Not a directory"):
        Folder(path=tmp_path / "a.png").count()


@pytest.mark.parametrize("path", ["~no-such-user-anywhere/images", "images\0"])
def test_a_path_that_can_not_exist_is_reported(path):
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
    """Writes HR and LR images; the red value is the number of the image."""

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
    # When sorted, 'a' comes before 'ab' but 'ax4' after 'abx4'.
    folder = pairs({"a.png": 1, "ab.png": 2}, {"ax4.png": 1, "abx4.png": 2})
    assert shades(folder) == [(1, 1), (2, 2)]


def test_hr_names_may_end_in_the_suffix_themselves(pairs):
    assert shades(pairs({"ax4.png": 1, "a.png": 2}, {"ax4x4.png": 1, "ax4.png": 2})) == [(2, 2), (1, 1)]


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


def test_a_missing_lr_folder_is_reported_before_anything_is_decoded(pairs, tmp_path):
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


def write(folder: Path, *names: str, shade: int = 0, size: int = 16) -> Path:
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (shade + index, 0, 0)).save(folder / name)
    return folder


def names_of(folder: Folder) -> list[str]:
    return [image.name for image in folder.images(4)]


def test_images_in_folders_are_called_by_their_path(tmp_path):
    write(tmp_path, "b.png", "a/2.png", "a/1.png", "a/deep/3.png")
    assert names_of(Folder(path=tmp_path)) == ["a/1.png", "a/2.png", "a/deep/3.png", "b.png"]


def test_a_list_of_folders_has_the_images_of_all_in_its_order(tmp_path):
    two, one = write(tmp_path / "two", "a.png", shade=20), write(tmp_path / "one", "c.png", "b.png", shade=10)
    folder = Folder(path=(two, one))
    assert [(image.name, int(image.hr[0, 0, 0])) for image in folder.images(2)] == [
        ("a.png", 20),
        ("b.png", 11),
        ("c.png", 10),
    ]
    assert folder.count() == 3
    assert folder.fingerprint() != Folder(path=(one, two)).fingerprint()


def test_names_that_two_folders_share_have_the_folder_in_front(tmp_path):
    folders = [write(tmp_path / name, "a.png", f"{name}.png") for name in ("one", "two")]
    assert names_of(Folder(path=folders)) == ["one/a.png", "one/one.png", "two/a.png", "two/two.png"]


def test_folders_of_one_name_are_distinguished_by_their_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        write(tmp_path / name / "HR", "a.png")
    assert names_of(Folder(path=["one/HR", "two/HR"])) == ["one/HR/a.png", "two/HR/a.png"]


@pytest.mark.parametrize("paths", [("images", "images"), ("images", "images/HR"), ("images/HR/deep", "images/HR")])
def test_folders_that_share_images_are_reported(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "images/HR", "a.png", "deep/b.png")
    with pytest.raises(InputError) as caught:
        Folder(path=paths).count()
    assert str(caught.value) == f"{paths[0]}: shares images with {paths[1]}: list them once"


def test_each_folder_of_a_list_has_lr_images_of_its_own(tmp_path):
    hr = [write(tmp_path / name, "a.png", shade=shade) for name, shade in (("one", 1), ("two", 2))]
    lr = [write(tmp_path / f"{name}-lr", "ax4.png", shade=shade, size=4) for name, shade in (("one", 1), ("two", 2))]
    assert shades(Folder(path=hr, lr_path=lr)) == [(1, 1), (2, 2)]
    with pytest.raises(ValueError, match="must be as many folders as path has: 2"):
        Folder(path=hr, lr_path=lr[0])


def test_lr_folders_may_be_by_scale(tmp_path):
    hr, lr = write(tmp_path / "hr", "a.png", shade=1), tmp_path / "lr"
    write(lr / "X2", "ax2.png", shade=9, size=8)
    write(lr / "X4", "ax4.png", shade=1, size=4)
    assert shades(Folder(path=hr, lr_path=lr)) == [(1, 1)]


def test_lr_images_beside_hr_images_are_used_at_their_scale_only(tmp_path):
    write(tmp_path / "Set1/HR", "a.png", "b.png", shade=1)
    write(tmp_path / "Set1/LR_bicubic/X4", "ax4.png", "bx4.png", shade=1, size=4)
    folder = Folder(path=tmp_path / "Set1")
    assert shades(folder) == [(1, 1), (2, 2)]
    assert [image.lr for image in folder.images(2)] == [None, None]


def test_lr_images_that_are_named_come_before_those_beside(tmp_path):
    write(tmp_path / "HR", "a.png", shade=1)
    write(tmp_path / "LR_bicubic/X4", "ax4.png", shade=1, size=4)
    assert shades(Folder(path=tmp_path / "HR", lr_path=write(tmp_path / "mine", "a.png", shade=7, size=4))) == [(1, 7)]


def test_lr_images_beside_hr_images_must_all_be_there(tmp_path):
    write(tmp_path / "HR", "a.png", "b.png")
    lr = write(tmp_path / "LR_bicubic/X4", "ax4.png", size=4)
    with pytest.raises(InputError) as caught:
        list(Folder(path=tmp_path).images(4))
    assert str(caught.value) == f"{lr}: no LR image for b.png"


def test_lr_images_beside_hr_images_are_in_the_fingerprint(tmp_path):
    write(tmp_path / "HR", "a.png")
    before = Folder(path=tmp_path).fingerprint()
    write(tmp_path / "LR_bicubic/X4", "ax4.png", size=4)
    assert Folder(path=tmp_path).fingerprint() != before


def test_the_same_images_under_other_names_have_another_fingerprint(tmp_path):
    write(tmp_path / "outer/inner", "a.png")
    assert Folder(path=tmp_path / "outer").fingerprint() != Folder(path=tmp_path / "outer/inner").fingerprint()


def test_folders_are_written_as_one_or_as_a_list(tmp_path):
    one = Dataset.of({"name": "folder", "path": "a"})
    assert one.reference() == {"name": "folder", "path": "a"}
    several = Dataset.of({"name": "folder", "path": ["a", "b"], "lr_path": ["c", "d"]})
    assert several.reference() == {"name": "folder", "path": ["a", "b"], "lr_path": ["c", "d"]}
    assert Dataset.of(several.reference()) == several
    PICTURE.save(tmp_path / "a.png")
    assert names_of(Folder(path=[tmp_path])) == names_of(Folder(path=tmp_path))


NO_FOLDERS = {
    "[]": r"data.train.path: must be a path, or a list of paths (got [])",
    "5": r"data.train.path: must be a path, or a list of paths (got 5)",
    "[a, 5]": r"data.train.path: must be a path, or a list of paths (got ['a', 5])",
    "{a: 1}": r"data.train.path: must be a path, or a list of paths (got {'a': 1})",
    "null": r"data.train.path: must be a path, or a list of paths (got nothing)",
    "a, lr_path: []": r"data.train.lr_path: must be a path, or a list of paths (got [])",
    "[a, b], lr_path: c": r"data.train.lr_path: must be as many folders as path has: 2 (got 1)",
}


@pytest.mark.parametrize(("path", "line"), NO_FOLDERS.items())
def test_what_is_not_a_folder_is_reported_in_a_line(tiny, path, line):
    with pytest.raises(InputError) as caught:
        load_spec(tiny, [f"data.train={{name: folder, path: {path}}}"])
    assert str(caught.value) == f"--set data.train: {line}"


def test_the_contract_of_data_sets_is_kept(tmp_path):
    write(tmp_path / "one/HR", "a.png", "deep/b.png", size=48)
    write(tmp_path / "one/LR_bicubic/X2", "ax2.png", "deep/bx2.png", size=24)
    write(tmp_path / "two", "a.png", size=25)
    check_dataset({"name": "folder", "path": [str(tmp_path / "one"), str(tmp_path / "two")]})


@pytest.mark.parametrize("ask", [lambda f: f.fingerprint(), lambda f: list(f.images(2))])
def test_a_file_that_goes_while_they_are_read_is_reported(tmp_path, monkeypatch, ask):
    write(tmp_path, "a.png", "b.png")

    def find_and_lose(path: Path):
        layout = find_layout(path)
        (tmp_path / "b.png").unlink()
        return layout

    monkeypatch.setattr("qnas.plugins.datasets.folder.find_layout", find_and_lose)
    with pytest.raises(InputError) as caught:
        ask(Folder(path=tmp_path))
    assert str(caught.value) == f"{tmp_path / 'b.png'}: can't be read: No such file or directory"
