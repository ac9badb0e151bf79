"""Folders of pairs, as people keep them, are paired by name or refused: no LR image is ever taken for an HR image."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from qnas.core.errors import InputError
from qnas.plugins.datasets.folder import Folder
from qnas.plugins.datasets.naming import folder_kind

PHOTO = skimage.data.astronaut()
STEMS = ("0001", "a photo", "b.2", "matrix2")


def write(root: Path, hr: str, lr: str, *, scale: int = 2, stems=STEMS, shift: int = 0) -> None:
    """Pairs of images whose names replace ``{}`` in the two paths; red is the number of the image."""
    for index, stem in enumerate(stems):
        top = 31 * (index + shift)
        whole = PHOTO[top : top + 24 * scale, : 20 * scale].copy()
        whole[0, 0] = index + shift
        side = np.ascontiguousarray(whole[::scale, ::scale])
        for form, pixels in ((hr, whole), (lr, side)):
            file = root / form.format(stem)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)


def check_paired(folder: Folder, scale: int = 2, count: int = len(STEMS)) -> None:
    images = list(folder.images(scale))
    assert len(images) == folder.count() == count
    for image in images:
        assert image.hr.shape == (24 * scale, 20 * scale, 3)
        np.testing.assert_array_equal(image.lr, image.hr[::scale, ::scale])
    sizes = [(size.name, size.hr, size.lr) for size in folder.sizes(scale)]
    assert sizes == [(image.name, image.hr.shape[:2], image.lr.shape[:2]) for image in images]


PAIRED = {
    "HR, LR": ("HR/{}.png", "LR/{}.png"),
    "hr, lr": ("hr/{}.png", "lr/{}.png"),
    "Hr, lR of other formats": ("Hr/{}.png", "lR/{}.bmp"),
    "GT, LQ": ("GT/{}.png", "LQ/{}.png"),
    "gt, lq": ("gt/{}.png", "lq/{}.png"),
    "high, low": ("high/{}.png", "low/{}.png"),
    "high_res, low_res": ("high_res/{}.png", "low_res/{}.png"),
    "HighRes, LowRes": ("HighRes/{}.png", "LowRes/{}.png"),
    "original, small": ("original/{}.png", "small/{}.png"),
    "target, input": ("target/{}.png", "input/{}.png"),
    "train_HR, train_LR": ("train_HR/{}.png", "train_LR/{}.png"),
    "HR_train, LR_train": ("HR_train/{}.png", "LR_train/{}.png"),
    "HR, LR_x2": ("HR/{}.png", "LR_x2/{}.png"),
    "HR, LRx2": ("HR/{}.png", "LRx2/{}.png"),
    "HR, LR/X2": ("HR/{}.png", "LR/X2/{}.png"),
    "HR, lr/2x": ("HR/{}.png", "lr/2x/{}.png"),
    "HR, x2": ("HR/{}.png", "x2/{}.png"),
    "hr, lr_bicubic/x2": ("hr/{}.png", "lr_bicubic/x2/{}.png"),
    "HR, LR_unknown/X2": ("HR/{}.png", "LR_unknown/X2/{}x2.png"),
    "with HR and LR behind": ("HR/{}_HR.png", "LR/{}_LR.png"),
    "with hr and lr before": ("hr/hr-{}.png", "lr/lr-{}.png"),
    "with x2": ("HR/{}.png", "LR/{}x2.png"),
    "with _x2": ("HR/{}.png", "LR/{}_x2.png"),
    "with _LRx2": ("HR/{}_HR.png", "LR/{}_LRx2.png"),
    "in folders": ("HR/one/{}.png", "LR/one/{}.png"),
    "in one folder": ("{}_HR.png", "{}_LR.png"),
    "in one folder, the one": ("{}.png", "{}_LR.png"),
    "in one folder, in small letters": ("{}-gt.png", "{}-lq.png"),
    "in one folder, with x2": ("{}_HR.png", "{}_LR_x2.png"),
    "in one folder, as Huang": ("{}_SRF_2_HR.png", "{}_SRF_2_LR.png"),
    "in one folder, high": ("{}_high.png", "{}_low.png"),
    "LR in the folder of HR": ("{}.png", "LR/{}.png"),
}


@pytest.mark.parametrize(("hr", "lr"), PAIRED.values(), ids=PAIRED)
@pytest.mark.parametrize("scale", [2, 3])
def test_pairs_are_found_however_they_are_called(tmp_path, hr, lr, scale):
    hr, lr = (
        form.replace("x2", f"x{scale}").replace("X2", f"X{scale}").replace("2x", f"{scale}x") for form in (hr, lr)
    )
    write(tmp_path / "pairs", hr, lr, scale=scale)
    check_paired(Folder(path=tmp_path / "pairs"), scale)


def test_names_in_other_letters_are_paired(tmp_path):
    write(tmp_path, "HR/{}.png", "LR/{}.png", stems=("ada", "größe"))
    (tmp_path / "LR/ada.png").rename(tmp_path / "LR/ADA.PNG")
    (tmp_path / "LR/größe.png").rename(tmp_path / "LR/gro\u0308ße.png")
    check_paired(Folder(path=tmp_path), count=2)


def test_other_folders_and_files_beside_are_passed_over(tmp_path):
    write(tmp_path, "HR/{}.png", "LR/{}.png")
    write(tmp_path, "masks/{}.png", "results/{}.png")
    (tmp_path / "README.md").touch()
    check_paired(Folder(path=tmp_path))


def test_several_scales_are_distinguished_by_names_or_sizes(tmp_path):
    for lr in ("LR_x2/{}.png", "LR_mine/{}.png"):
        write(tmp_path, "HR/{}.png", lr, scale=2)
    shutil.rmtree(tmp_path / "LR_x2")
    for file in (tmp_path / "HR").iterdir():
        Image.fromarray(np.asarray(Image.open(file))[::4, ::4]).save(tmp_path / file.name)
    (tmp_path / "LR4x").mkdir()
    for file in tmp_path.glob("*.png"):
        file.rename(tmp_path / "LR4x" / file.name)
    folder = Folder(path=tmp_path)
    check_paired(folder, 2)
    assert [image.lr.shape for image in folder.images(4)] == [(12, 10, 3)] * 4


def refusal(folder: Folder, scale: int = 2) -> str:
    with pytest.raises(InputError) as caught:
        folder.count()
        list(folder.images(scale))
    return str(caught.value)


def test_lr_images_of_another_scale_only_are_refused(tmp_path):
    write(tmp_path / "a", "HR/{}.png", "LR/{}.png")
    said = f"{tmp_path / 'a'}: has LR images of scale 2, not 4: to have them made from the HR images, name"
    assert refusal(Folder(path=tmp_path / "a"), 4) == f"{said} {tmp_path / 'a/HR'}"
    write(tmp_path / "b", "{}_HR.png", "{}_LR.png")
    assert "has LR images of scale 2, not 4" in refusal(Folder(path=tmp_path / "b"), 4)


def test_bicubic_lr_images_of_another_scale_are_made(tmp_path):
    write(tmp_path, "hr/{}.png", "lr_bicubic/{}.png")
    assert [image.lr for image in Folder(path=tmp_path).images(4)] == [None] * 4


@pytest.mark.parametrize(("lr", "named"), [("LR/{}.png", "b.2.png"), ("LR/{}_LR.png", "b.2.png")])
def test_images_that_lack_a_partner_are_named(tmp_path, lr, named):
    write(tmp_path, "HR/{}.png", lr)
    (tmp_path / lr.format("b.2")).unlink()
    assert refusal(Folder(path=tmp_path)) == f"{tmp_path / 'LR'}: no LR image for {named}"


def test_folders_of_equal_sizes_are_no_pairs(tmp_path):
    write(tmp_path, "high/{}.png", "waste/{}.png")
    write(tmp_path, "low/{}.png", "waste/{}.png")
    shutil.rmtree(tmp_path / "waste")
    assert "has no LR images for those in" in refusal(Folder(path=tmp_path))


REFUSED = {
    "several sets": ([("train/HR/{}.png", "train/LR/{}.png"), ("valid/HR/{}.png", "valid/LR/{}.png")], "in train/LR"),
    "several HR folders": ([("a_HR/{}.png", "a_LR/{}.png"), ("b_HR/{}.png", "b_LR/{}.png")], "a_HR, b_HR"),
    "two LR folders": ([("HR/{}.png", "LR/{}.png"), ("HR/{}.png", "LR_noisy/{}.png")], "LR_noisy"),
    "an LR folder alone": ([("photos/{}.png", "lr/{}.png")], "in lr"),
    "names that say nothing": ([("one/{}.png", "two/{}.png")], "two/0001.png is one/0001.png, reduced 2 times"),
    "enlarged ones": ([("{}_x4.png", "{}.png")], "reduced 2 times"),
    "one among others": ([("{}.png", "kept/{}.png"), ("{}.png", "{}_LR.png")], "has LR images"),
}


@pytest.mark.parametrize(("forms", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_clear_is_refused_by_name(tmp_path, forms, said):
    for hr, lr in forms:
        write(tmp_path / "pairs", hr, lr)
    told = refusal(Folder(path=tmp_path / "pairs"))
    assert told.startswith(str(tmp_path / "pairs"))
    assert said in told


def test_photographs_that_happen_to_have_such_sizes_are_all_taken(tmp_path):
    write(tmp_path, "cats/{}.png", "unused/{}.png", scale=4)
    write(tmp_path, "dogs/{}.png", "unused/{}.png", shift=7)
    shutil.rmtree(tmp_path / "unused")
    assert Folder(path=tmp_path).count() == 2 * len(STEMS)


def test_sets_of_hr_images_that_are_parted_are_all_taken(tmp_path):
    write(tmp_path, "train/{}.png", "unused/{}.png")
    write(tmp_path, "valid/{}.png", "unused/{}.png", shift=5)
    shutil.rmtree(tmp_path / "unused")
    assert Folder(path=tmp_path).count() == 2 * len(STEMS)


@pytest.mark.parametrize(
    ("hr", "lr", "named", "instead"),
    [
        ("HR/{}.png", "LR/{}.png", "LR", "HR"),
        ("HR/{}.png", "LR_bicubic/X2/{}x2.png", "LR_bicubic", "HR"),
        ("HR/{}.png", "LR_bicubic/X2/{}x2.png", "LR_bicubic/X2", "HR"),
        ("GTmod12/{}.png", "LRbicx2/{}.png", "LRbicx2", "GTmod12"),
        ("high/{}.png", "low/{}.png", "low", "high"),
        ("HR/{}.png", "X2/{}.png", "X2", "HR"),
    ],
)
def test_lr_images_that_are_named_as_hr_images_are_refused(tmp_path, hr, lr, named, instead):
    write(tmp_path, hr, lr)
    told = refusal(Folder(path=tmp_path / named))
    assert told.startswith(f"{tmp_path / named}: has ")
    assert told.endswith(f"name the folder of the HR images ({tmp_path / instead})")


def test_a_folder_whose_name_may_mean_lr_is_taken_where_its_images_are_not_smaller(tmp_path):
    write(tmp_path, "clean/{}.png", "waste/{}.png")
    write(tmp_path, "noisy/{}.png", "waste/{}.png")
    assert Folder(path=tmp_path / "noisy").count() == len(STEMS)


def test_a_folder_of_both_may_be_called_lr(tmp_path):
    write(tmp_path / "lr_trial", "HR/{}.png", "LR/{}.png")
    check_paired(Folder(path=tmp_path / "lr_trial"))


def test_hr_images_that_are_named_themselves_are_taken_alone_and_that_is_said(tmp_path):
    write(tmp_path, "HR/{}.png", "LR/{}.png")
    with pytest.warns(UserWarning, match="the LR images beside it, in .*LR, are not used: name .*, or lr_path, to use"):
        assert Folder(path=tmp_path / "HR").count() == len(STEMS)
    check_paired(Folder(path=tmp_path / "HR", lr_path=tmp_path / "LR"))


WORDS = st.sampled_from(["HR", "hr", "GT", "gt", "high", "High_Res", "highres", "A", "photos", "HQ", "original"])
LR_WORDS = st.sampled_from(["LR", "lr", "LQ", "lq", "low", "Low_Res", "lowres", "B", "tiny", "LR_x2", "X2", "LR/X2"])
ENDS = st.sampled_from(["", "_HR", "-hr", "_gt", "HR"])
LR_ENDS = st.sampled_from(["", "_LR", "-lr", "_lq", "x2", "_x2", "_LRx2", "LR"])
PLACES = st.sampled_from(["", "set", "one/two"])


@settings(max_examples=120, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=PLACES, hr=WORDS, lr=LR_WORDS, hr_end=ENDS, lr_end=LR_ENDS, together=st.booleans(), data=st.data())
def test_generated_trees_of_pairs_are_paired_right_or_refused(tmp_path, place, hr, lr, hr_end, lr_end, together, data):
    root = tmp_path / "tree"
    shutil.rmtree(root, ignore_errors=True)
    if together:
        forms = f"{place}/{{}}{hr_end}.png", f"{place}/{{}}{lr_end or '_LR'}.png"
    else:
        forms = f"{place}/{hr}/{{}}{hr_end}.png", f"{place}/{lr}/{{}}{lr_end}.png"
    write(root, *(form.lstrip("/") for form in forms), stems=STEMS[:3])
    if data.draw(st.booleans(), label="another folder"):
        write(root, f"{place}/masks/{{}}.png".lstrip("/"), "unused/{}.png", stems=STEMS[:1], shift=9)
        shutil.rmtree(root / "unused")
    try:
        images = list(Folder(path=root).images(2))
    except InputError as error:
        assert str(root) in str(error)
        return
    assert {image.hr.shape for image in images} == {(48, 40, 3)}, "an LR image is among the HR images"
    for image in images:
        if image.lr is not None:
            np.testing.assert_array_equal(image.lr, image.hr[::2, ::2])


@pytest.mark.parametrize("name", ["cats", "high_contrast", "lrs", "photos-LR-edit", "thrill", "GTA", "x2", "low"])
def test_names_that_only_look_like_it_say_nothing(name):
    assert folder_kind(name) == ""
