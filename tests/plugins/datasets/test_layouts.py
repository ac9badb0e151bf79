"""How folders of images are laid out, and which LR image belongs to which HR image."""

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from qnas.core.errors import InputError
from qnas.plugins.datasets.layouts import find_layout
from qnas.plugins.datasets.listing import list_images
from qnas.plugins.datasets.pairing import pair_by_name

names = st.lists(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=8, unique=True)


@settings(max_examples=80)
@given(names=names, scale=st.sampled_from([2, 3, 4]), data=st.data())
def test_pairing_does_not_depend_on_the_order_of_the_listings(names, scale, data):
    names = [name for name in names if not name.endswith(f"x{scale}")] or ["only"]
    suffixed = {name: data.draw(st.booleans(), label=name) for name in names}
    hr = [Path(f"{name}.png") for name in data.draw(st.permutations(names))]
    lr = [
        Path(f"{name}x{scale}.png" if suffixed[name] else f"{name}.png") for name in data.draw(st.permutations(names))
    ]
    for of_hr, of_lr in zip(hr, pair_by_name(hr, lr, scale, Path("lr")), strict=True):
        assert of_lr.stem in {of_hr.stem, f"{of_hr.stem}x{scale}"}


@pytest.fixture
def lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes empty files in the current folder: names alone decide what a folder holds."""
    monkeypatch.chdir(tmp_path)

    def make(*files: str) -> None:
        for file in map(Path, files):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

    return make


LAYOUTS = {
    "DIV2K": (
        "DIV2K/DIV2K_train_HR",
        ["0001.png", "0002.png"],
        {2: "DIV2K/DIV2K_train_LR_bicubic/X2", 4: "DIV2K/DIV2K_train_LR_bicubic/X4"},
        "{}x{}.png",
    ),
    "pieces of DIV2K": (
        "DIV2K/DIV2K_train_HR_sub",
        ["0001_s001.png", "0001_s002.png"],
        {4: "DIV2K/DIV2K_train_LR_bicubic/X4_sub"},
        "{}.png",
    ),
    "pieces of DIV2K in a folder of their own": (
        "DIV2K/DIV2K_train_HR_sub",
        ["0001_s001.png"],
        {3: "DIV2K/DIV2K_train_LR_bicubic_sub/X3"},
        "{}.png",
    ),
    "Flickr2K": ("Flickr2K/Flickr2K_HR", ["000001.png"], {4: "Flickr2K/Flickr2K_LR_bicubic/X4"}, "{}x{}.png"),
    "Set5 of EDSR": ("Set5/HR", ["baby.png", "bird.png"], {4: "Set5/LR_bicubic/X4"}, "{}x{}.png"),
    "Set5 of BasicSR": ("Set5/GTmod12", ["baby.png"], {2: "Set5/LRbicx2", 4: "Set5/LRbicx4"}, "{}.png"),
}


@pytest.mark.parametrize("from_inside", [False, True], ids=["the set", "its HR folder"])
@pytest.mark.parametrize(("hr", "names", "lr", "form"), LAYOUTS.values(), ids=LAYOUTS)
def test_hr_images_are_found_with_the_lr_images_beside_them(lay, hr, names, lr, form, from_inside):
    stems = [Path(name).stem for name in names]
    lr_files = {scale: [f"{folder}/{form.format(stem, scale)}" for stem in stems] for scale, folder in lr.items()}
    lay(*(f"{hr}/{name}" for name in names), *(file for files in lr_files.values() for file in files))
    layout = find_layout(Path(hr) if from_inside else Path(hr).parent)
    assert layout.root == Path(hr)
    assert layout.names == names
    assert layout.lr == {scale: Path(folder) for scale, folder in lr.items()}
    assert layout.kind.startswith(("SET_HR", "HR, LR", "GTmod12"))
    for scale, files in lr_files.items():
        assert layout.lr_files(scale) == [Path(file) for file in files]
    assert layout.lr_files(8) is None


def test_the_current_folder_may_be_the_hr_folder(lay, monkeypatch):
    lay("Set5/HR/a.png", "Set5/LR_bicubic/X4/ax4.png")
    monkeypatch.chdir("Set5/HR")
    assert [file.name for file in find_layout(Path()).lr_files(4)] == ["ax4.png"]


def test_the_originals_that_basicsr_keeps_beside_are_passed_over(lay):
    lay("Set5/original/a.png", "Set5/GTmod12/a.png", "Set5/LRbicx4/a.png")
    assert find_layout(Path("Set5")).hr == [Path("Set5/GTmod12/a.png")]


def test_lr_images_in_folders_belong_to_hr_images_in_folders_of_that_name(lay):
    lay("HR/one/a.png", "HR/two/a.png", "LR_bicubic/X4/two/ax4.png", "LR_bicubic/X4/one/ax4.png")
    assert find_layout(Path("HR")).lr_files(4) == [Path("LR_bicubic/X4/one/ax4.png"), Path("LR_bicubic/X4/two/ax4.png")]


def test_a_folder_that_is_as_it_is(lay):
    lay("photos/cats/b.png", "photos/a.jpg", "photos/cats/notes.txt")
    layout = find_layout(Path("photos"))
    assert (layout.root, layout.names, layout.lr, layout.kind) == (Path("photos"), ["a.jpg", "cats/b.png"], {}, "plain")


def test_a_folder_named_hr_without_lr_images_is_one_among_others(lay):
    lay("photos/HR/a.png", "photos/cats/b.png")
    assert find_layout(Path("photos")).names == ["HR/a.png", "cats/b.png"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["DIV2K/DIV2K_train_HR/1.png", "DIV2K/DIV2K_valid_HR/2.png"],
            "DIV2K: has several data sets: name one, as DIV2K_train_HR, DIV2K_valid_HR",
        ),
        (
            ["DIV2K/Set5/HR/a.png", "DIV2K/Set5/LR_bicubic/X4/ax4.png"],
            "DIV2K: has LR images too, in Set5/LR_bicubic: name the folders to use",
        ),
    ],
)
def test_a_folder_in_which_the_images_are_not_clear_is_reported(lay, files, message):
    lay(*files)
    with pytest.raises(InputError) as caught:
        find_layout(Path("DIV2K"))
    assert str(caught.value) == message


def test_an_lr_folder_without_images_is_reported(lay):
    lay("HR/a.png", "LR_bicubic/X4/notes.txt")
    with pytest.raises(InputError, match=r"LR_bicubic/X4: no images in the folder"):
        find_layout(Path("HR")).lr_files(4)


def test_what_is_hidden_and_what_is_no_image_is_passed_over(lay):
    lay(
        "images/b.png", "images/a.jpg", "images/notes.txt", "images/._b.png", "images/.trash/c.png", "images/c.png/x.md"
    )
    Path("images/d.png").symlink_to("gone.png")
    assert [file.name for file in list_images(Path("images"))] == ["a.jpg", "b.png"]


def test_links_are_followed_once(lay):
    lay("elsewhere/a.png", "images/b.png")
    Path("images/linked").symlink_to(Path("elsewhere").resolve())
    Path("images/round").symlink_to(Path("images").resolve())
    assert [file.as_posix() for file in list_images(Path("images"))] == ["images/b.png", "images/linked/a.png"]


def test_a_folder_inside_that_can_not_be_read_is_reported(lay, monkeypatch):
    lay("images/a.png", "images/locked/b.png")
    iterdir = Path.iterdir

    def refuse(self: Path):
        if self.name == "locked":
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError) as caught:
        list_images(Path("images"))
    assert str(caught.value) == "images/locked: can't read the folder: Permission denied"
