"""Crops of training images, against slices made by hand."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from qnas.core.components import Dataset, Degradation, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.cache import digest_of
from qnas.core.images.crops import Cut, cutter
from qnas.core.images.loading import load_images
from qnas.core.images.pairs import ImagePair
from qnas.core.images.resample import imresize
from qnas.core.images.settings import Crop, Data
from qnas.core.run.images import load_run_images

MATLAB = Degradation.of("matlab")

SIZES = [(40, 52), (33, 48), (24, 24), (36, 60)]
GRIDS = [(3, 4), (2, 4), (1, 1), (2, 5)]  # of crops of 24 at every 8 pixels, once 33 has become 32
CROP = {"size": 24, "stride": 8}


pytestmark = pytest.mark.usefixtures("cache")


class Noise(Dataset):
    """Images of noise in several sizes; if ``paired``, with LR images of other noise."""

    paired: bool = False

    def images(self, scale: int) -> Iterator[SourceImage]:
        for index, (height, width) in enumerate(SIZES):
            random = np.random.default_rng(index)
            hr = random.integers(256, size=(height, width, 3), dtype=np.uint8)
            lr = random.integers(256, size=(height // scale, width // scale, 3), dtype=np.uint8)
            yield SourceImage(f"noise-{index}", hr, lr if self.paired else None)

    def count(self) -> int:
        return len(SIZES)


def cut(dataset: Dataset, degradation: str = "pillow", **fields: object) -> tuple[list[ImagePair], list[ImagePair]]:
    """The images of a data set and their crops at scale 4."""
    images = load_images(dataset, 4, Degradation.of(degradation))
    return images, cutter_of(dataset, images, Crop(**CROP, **fields), degradation)(images)


def cutter_of(dataset: Dataset, images: list[ImagePair], crop: Crop, degradation: str = "pillow") -> Cut:
    way = Degradation.of(degradation)
    return cutter(images, digest_of(dataset, 4, way), crop, 4, way, lambda done, total: None)


def places(images: list[ImagePair]) -> Iterator[tuple[ImagePair, int, int]]:
    for image, (rows, columns) in zip(images, GRIDS, strict=True):
        yield from ((image, 8 * row, 8 * column) for row, column in product(range(rows), range(columns)))


@pytest.mark.parametrize("paired", [False, True])
def test_crops_are_pieces_of_the_image_in_both_resolutions(paired: bool) -> None:
    images, crops = cut(Noise(name="photos", paired=paired))
    for crop, (image, top, left) in zip(crops, places(images), strict=True):
        assert crop.name == f"{image.name}_x{left}_y{top}"
        assert np.array_equal(crop.hr, image.hr[top : top + 24, left : left + 24])
        assert np.array_equal(crop.lr, image.lr[top // 4 : top // 4 + 6, left // 4 : left // 4 + 6])
    assert len({crop.name for crop in crops}) == len(crops) == sum(rows * columns for rows, columns in GRIDS)


def by_pillow(hr: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(hr).resize((6, 6), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("degradation", ["pillow", "matlab"])
def test_a_crop_may_be_made_small_by_itself(degradation: str, paired: bool) -> None:
    reduce = {"pillow": by_pillow, "matlab": lambda hr: imresize(hr, (6, 6))}[degradation]
    images, crops = cut(Noise(name="photos", paired=paired), degradation, lr="made")
    for crop, (image, top, left) in zip(crops, places(images), strict=True):
        alone = np.ascontiguousarray(image.hr[top : top + 24, left : left + 24])
        assert np.array_equal(crop.hr, alone)
        assert np.array_equal(crop.lr, reduce(alone))
    parts = [image.lr[top // 4 : top // 4 + 6, left // 4 : left // 4 + 6] for image, top, left in places(images)]
    assert not all(np.array_equal(crop.lr, part) for crop, part in zip(crops, parts, strict=True))


def test_what_was_made_is_read_again_unless_it_is_damaged_or_of_another_crop(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Noise(name="photos")
    _, first = cut(dataset, lr="made")
    (kept,) = cache.glob("crops-*.h5")
    with monkeypatch.context() as patch:
        patch.setattr("qnas.core.images.crops.degraded", lambda *_: pytest.fail("made again"))
        _, again = cut(dataset, lr="made")
    assert all(np.array_equal(a.lr, b.lr) for a, b in zip(first, again, strict=True))
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100])
    _, mended = cut(dataset, lr="made")
    assert all(np.array_equal(a.lr, b.lr) for a, b in zip(first, mended, strict=True))
    assert kept.read_bytes() == whole
    images = load_images(dataset, 4, Degradation.of("pillow"))
    for fields in ({"size": 24, "stride": 12}, {"size": 20, "stride": 8}):
        cutter_of(dataset, images, Crop(**fields, lr="made"))
    assert len(list(cache.glob("crops-*.h5"))) == 3


def test_without_a_cache_crops_are_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [crop.lr.copy() for crop in cut(Noise(name="photos"), lr="made")[1]]
    (tmp_path / "file").touch()
    monkeypatch.setenv("QNAS_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="images are not cached"):
        _, crops = cut(Noise(name="photos"), lr="made")
    assert all(np.array_equal(crop.lr, lr) for crop, lr in zip(crops, expected, strict=True))


def test_an_image_that_no_crop_fits_into_is_refused_by_name() -> None:
    images = load_images(Noise(name="photos"), 4, MATLAB)
    with pytest.raises(InputError, match=r"noise-1: is 48 x 32, smaller than a crop of 36: .* at most 32"):
        cutter_of(Noise(name="photos"), images, Crop(size=36, stride=8))


def test_a_run_learns_from_crops_and_is_validated_on_whole_images_of_which_it_saw_no_crop() -> None:
    data = Data(train=Noise(name="photos"), validation=1, patch=8, crop=Crop(**CROP), test={"n": Noise(name="photos")})
    loaded = load_run_images(data, 2, 0, lambda name, done, total: None)
    (held_out,) = loaded.learn.validation
    assert held_out.hr.shape[:2] in {(height // 2 * 2, width // 2 * 2) for height, width in SIZES}
    seen = {image.name.split("_x")[0] for image in loaded.train}
    assert seen == {f"noise-{index}" for index in range(4)} - {held_out.name}
    halves = [
        {image.name.split("_x")[0] for image in half} for half in (loaded.learn.weights, loaded.learn.architecture)
    ]
    assert not halves[0] & halves[1]
    assert {image.lr.shape for image in loaded.train} == {(12, 12, 3)}
    assert [image.hr.shape for image in loaded.test["n"]] == [
        image.hr.shape for image in load_images(data.train, 2, MATLAB)
    ]


@pytest.mark.parametrize("fields", [{"size": 24}, {"stride": 8}, {"size": 0, "stride": 8}, {"size": 24, "stride": -1}])
def test_a_crop_has_a_size_and_a_stride(fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Crop(**fields)
