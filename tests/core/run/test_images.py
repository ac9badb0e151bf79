"""The images of a run: counted first, loaded, checked and split."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from qnas.core.components import Dataset, Degradation, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.pairs import ImagePair
from qnas.core.images.resample import imresize
from qnas.core.images.settings import Data
from qnas.core.run.images import check_sets, load_run_images, split

pytestmark = pytest.mark.usefixtures("cache")


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The reduction of the degradation ``pillow``."""
    return Degradation.of("pillow").degrade(image, size, "")


class Plain(Dataset):
    """Images, each of a single shade, whose names begin with ``title``."""

    title: str = "train"
    amount: int = 12
    size: int = 20
    missing: bool = False

    def images(self, scale: int) -> Iterator[SourceImage]:
        DECODED.append(self.title)
        for index in range(self.amount):
            yield SourceImage(f"{self.title} {index}", np.full((self.size, self.size, 3), index, dtype=np.uint8))

    def count(self) -> int:
        if self.missing:
            raise InputError("is not there", self.title)
        return self.amount


DECODED: list[str] = []


@pytest.fixture(autouse=True)
def decoded() -> list[str]:
    DECODED.clear()
    return DECODED


def pairs(count: int) -> list[ImagePair]:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    return [ImagePair(str(index), pixels, pixels[::2, ::2]) for index in range(count)]


def names(images) -> list[str]:
    return [image.name for image in images]


@settings(max_examples=60)
@given(count=st.integers(3, 60), validation=st.integers(1, 58), seed=st.integers(0, 2**63 - 1))
def test_a_split_is_complete_disjoint_and_halves_what_is_left(count, validation, seed):
    validation = min(validation, count - 2)
    made = split(pairs(count), validation, seed)
    everything = names([*made.weights, *made.architecture, *made.validation])
    assert sorted(everything, key=int) == names(pairs(count))
    assert len(made.validation) == validation
    assert len(made.weights) - len(made.architecture) in {0, 1}
    assert len(made.architecture) >= 1


def test_the_seed_alone_decides_the_split():
    def drawn(seed: int, global_seed: int) -> list[list[str]]:
        np.random.seed(global_seed)
        made = split(pairs(40), 8, seed)
        return [names(made.weights), names(made.architecture), names(made.validation)]

    assert drawn(3, 0) == drawn(3, 1)
    assert drawn(3, 0) != drawn(4, 0)


def test_every_image_is_held_out_by_some_seed():
    held_out = {name for seed in range(60) for name in names(split(pairs(10), 2, seed).validation)}
    assert held_out == set(names(pairs(10)))


@pytest.mark.parametrize(("count", "validation"), [(9, 8), (2, 1), (1, 8), (0, 1)])
def test_too_few_images_to_split_are_told(count, validation):
    with pytest.raises(InputError) as caught:
        split(pairs(count), validation, 0)
    assert str(caught.value) == (
        f"has {count} images; {validation} are held out (data.validation) and the search needs 2 more at least"
    )


def load(**fields: object):
    return load_run_images(Data.model_validate({"patch": 8, "validation": 3, **fields}), 2, 0, lambda *_: None)


def test_training_validation_and_test_images_are_kept_apart():
    images = load(train=Plain(), test={"a": Plain(title="a", amount=2), "b": Plain(title="b", amount=1)})
    assert {name: names(found) for name, found in images.test.items()} == {"a": ["a 0", "a 1"], "b": ["b 0"]}
    assert len(images.learn.validation) == 3
    assert not set(names(images.train)) & set(names(images.learn.validation))
    assert set(names(images.train)) | set(names(images.learn.validation)) == {f"train {i}" for i in range(12)}
    assert names(images.train) == names([*images.learn.weights, *images.learn.architecture])


def test_progress_names_the_set():
    told: list[tuple[str, int, int]] = []
    data = Data.model_validate(
        {"patch": 8, "validation": 1, "train": Plain(amount=3), "test": {"a": Plain(title="a", amount=1)}}
    )
    load_run_images(data, 2, 0, lambda *report: told.append(report))
    assert told == [("train", 1, 3), ("train", 2, 3), ("train", 3, 3), ("a", 1, 1)]


def refused(**fields: object) -> InputError:
    with pytest.raises(InputError) as caught:
        load(**fields)
    return caught.value


GOOD = {"train": Plain(), "test": {"a": Plain(title="a", amount=1)}}


def test_a_set_that_is_not_there_is_told_before_anything_is_decoded(decoded):
    error = refused(**GOOD | {"test": {"a": Plain(title="a"), "b": Plain(title="b", missing=True)}})
    assert (str(error), error.field) == ("b: is not there", ("data", "test", "b"))
    assert decoded == []


def test_a_training_set_that_is_not_there_is_told_as_that():
    error = refused(**GOOD | {"train": Plain(missing=True)})
    assert error.field == ("data", "train")


def test_too_few_training_images_are_told_as_that_before_they_are_decoded(decoded):
    error = refused(**GOOD | {"train": Plain(amount=4)})
    assert error.field == ("data", "train")
    assert "has 4 images" in str(error)
    assert decoded == []


def test_an_image_smaller_than_the_patch_is_told_as_the_training_sets():
    error = refused(**GOOD | {"train": Plain(size=14)})
    assert error.field == ("data", "train")
    assert "7 x 7, smaller than the patch of 8" in str(error)


def test_an_image_smaller_than_the_scale_is_told_as_its_sets():
    error = refused(**GOOD | {"test": {"a": Plain(title="a", size=1)}})
    assert (str(error), error.field) == ("a 0: is smaller than the scale 2", ("data", "test", "a"))


@pytest.mark.parametrize(("size", "fits"), [(11, False), (12, True)])
def test_a_test_image_too_small_to_be_judged_is_told_as_its_sets(size, fits):
    """SSIM's window has 11 pixels; at scale 2 an image of 11 is cropped to 10."""
    sets = GOOD | {"test": {"a": Plain(title="a", size=size)}}
    if fits:
        assert load(**sets).test["a"][0].hr.shape[:2] == (12, 12)
    else:
        error = refused(**sets)
        assert error.field == ("data", "test", "a")
        assert str(error).startswith("a 0: is too small to be scored")


class OneTiny(Plain):
    """One of its images is smaller than SSIM's window."""

    tiny: str

    def images(self, scale: int) -> Iterator[SourceImage]:
        for image in super().images(scale):
            yield image._replace(hr=image.hr[:4, :4]) if image.name.endswith(f" {self.tiny}") else image


def test_a_held_out_image_too_small_to_be_judged_is_told_as_the_training_sets():
    held_out = split(pairs(12), 3, 0).validation[0].name
    error = refused(**GOOD | {"train": OneTiny(tiny=held_out)})
    assert error.field == ("data", "train")
    assert str(error).startswith(f"train {held_out}: is too small to be scored")


def test_sets_are_counted_without_decoding(decoded):
    data = Data.model_validate({"validation": 3, **GOOD})
    assert check_sets(data) == {"train": 12, "test.a": 1}
    assert decoded == []


def test_too_few_training_images_are_found_by_counting():
    with pytest.raises(InputError, match="has 4 images") as caught:
        check_sets(Data.model_validate({"validation": 3, **GOOD, "train": Plain(amount=4)}))
    assert caught.value.field == ("data", "train")


def test_a_test_set_may_be_called_train():
    data = Data.model_validate({"validation": 3, "train": Plain(), "test": {"train": Plain(title="a", amount=1)}})
    assert check_sets(data) == {"train": 12, "test.train": 1}


@pytest.mark.parametrize(("chosen", "reduce"), [({}, imresize), ({"degradation": "pillow"}, resize)])
def test_lr_images_are_made_as_the_spec_says(chosen, reduce):
    leaves = {"name": "dead-leaves", "amount": 6, "size": 24}
    images = load(train=leaves, test={"a": {**leaves, "seed": 1, "amount": 1}}, **chosen)
    for image in [*images.train, *images.learn.validation, *images.test["a"]]:
        np.testing.assert_array_equal(image.lr, reduce(image.hr, (12, 12)))


def test_a_set_named_in_yaml_is_loaded(tmp_path):
    leaves = {"name": "dead-leaves", "amount": 6, "size": 16}
    images = load(train=leaves, test={"a": {**leaves, "seed": 1, "amount": 1}})
    assert len(images.train) == 3
    assert images.test["a"][0].hr.shape == (16, 16, 3)
