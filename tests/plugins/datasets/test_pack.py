"""The data set of a pack gives the same images as the folders that it was packed from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.components import Dataset, Degradation
from qnas.core.errors import InputError
from qnas.core.images.cache import cache_folder
from qnas.core.images.loading import load_images
from qnas.core.images.patches import PatchSampler
from qnas.plugins.datasets.pack import PackFile
from qnas.testing import check_dataset

MATLAB = Degradation.of("matlab")


def picture(seed: int, width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def folder_of(path: Path) -> Dataset:
    return Dataset.of({"name": "folder", "path": str(path)})


def pack_of(path: Path, *options: str) -> Dataset:
    out = path.with_name(f"{path.name}.h5")
    assert invoke(["data", "pack", str(path), str(out), "--jobs", "2", *options]) == 0
    return Dataset.of({"name": "pack", "path": str(out)})


@pytest.fixture
def plain(tmp_path):
    """Images of all kinds, without LR images."""
    folder = tmp_path / "my images"
    (folder / "größer").mkdir(parents=True)
    picture(0, 30, 29).save(folder / "a photo.png")
    picture(1, 36, 24).convert("L").save(folder / "gray.png")
    picture(2, 25, 24).convert("P").save(folder / "palette.png")
    with_alpha = picture(3, 24, 31)
    with_alpha.putalpha(picture(4, 24, 31).convert("L"))
    with_alpha.save(folder / "alpha.png")
    picture(5, 24, 24).save(folder / "größer" / "写真.jpg")
    return folder


@pytest.fixture
def benchmark(tmp_path):
    """HR images, with LR images of scale 4 that are not bicubic."""
    for name, size in (("HR", 24), ("LR_bicubic/X4", 6)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(3):
            picture(index, size + size // 4, size).save(tmp_path / "set" / name / f"{index}.png")
    return tmp_path / "set"


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("degradation", ["matlab", "pillow"])
def test_it_gives_the_pixels_that_the_folder_gives(plain, scale, degradation):
    pack = pack_of(plain, "--degradation", degradation)
    expected = load_images(folder_of(plain), scale, Degradation.of(degradation))
    for ours, theirs in zip(load_images(pack, scale, MATLAB), expected, strict=True):
        assert ours.name == theirs.name
        np.testing.assert_array_equal(ours.hr, theirs.hr)
        np.testing.assert_array_equal(ours.lr, theirs.lr)


def test_lr_images_that_came_with_the_hr_images_are_kept_and_others_made(benchmark):
    pack = pack_of(benchmark)
    for scale in (2, 4):
        for ours, theirs in zip(
            load_images(pack, scale, MATLAB),
            load_images(folder_of(benchmark), scale, MATLAB),
            strict=True,
        ):
            np.testing.assert_array_equal(ours.lr, theirs.lr)
    with Image.open(benchmark / "LR_bicubic/X4/1.png") as file:
        np.testing.assert_array_equal(load_images(pack, 4, MATLAB)[1].lr, np.asarray(file))


def test_patches_are_those_of_the_folder_for_the_same_seed(plain):
    def batches(dataset: Dataset) -> list[torch.Tensor]:
        pairs = load_images(dataset, 2, MATLAB)
        sampler = PatchSampler(pairs, 2, 8, 4, augment=True, seed=3, device=torch.device("cpu"))
        return [side for _ in range(5) for side in sampler.draw()]

    for ours, theirs in zip(batches(pack_of(plain)), batches(folder_of(plain)), strict=True):
        assert torch.equal(ours, theirs)


def test_it_keeps_the_contract(plain):
    check_dataset(pack_of(plain).reference())


def test_it_is_not_cached_again(plain):
    load_images(pack_of(plain), 2, MATLAB)
    assert not list(cache_folder().glob("*"))


def test_a_pack_of_a_pack_can_have_other_scales(plain):
    again = pack_of(pack_of(plain, "--scale", "2").stored_in(), "--scale", "2", "--scale", "6")
    for scale in (2, 6):
        for ours, theirs in zip(
            load_images(again, scale, MATLAB),
            load_images(folder_of(plain), scale, MATLAB),
            strict=True,
        ):
            np.testing.assert_array_equal(ours.hr, theirs.hr)
            np.testing.assert_array_equal(ours.lr, theirs.lr)


@pytest.mark.parametrize("ask", [lambda pack: list(pack.images(3)), lambda pack: load_images(pack, 3, MATLAB)])
def test_a_scale_that_was_not_packed_is_reported(plain, ask):
    with pytest.raises(InputError, match=r"has LR images of scale 2, not 3 \(add them: qnas data pack .* --scale 3\)"):
        ask(pack_of(plain, "--scale", "2"))


@pytest.mark.parametrize("ask", [lambda pack: pack.count(), lambda pack: pack.fingerprint()])
def test_a_file_that_is_not_there_is_reported(tmp_path, ask):
    with pytest.raises(InputError, match=r"none\.h5: can't be read: No such file"):
        ask(PackFile(path=tmp_path / "none.h5"))
