import numpy as np
import pytest
from pydantic import ValidationError

from qnas.core.components import Dataset
from qnas.plugins.datasets.generated import DeadLeaves


def test_there_are_as_many_images_as_asked_for_each_of_its_own():
    images = list(DeadLeaves(amount=3, size=16).images(2))
    assert len({image.hr.tobytes() for image in images}) == len(images) == 3
    assert {(image.hr.shape, image.lr) for image in images} == {((16, 16, 3), None)}


def test_they_are_the_same_at_every_scale():
    dataset = DeadLeaves(amount=2, size=16, seed=4)
    for first, again in zip(dataset.images(2), dataset.images(3), strict=True):
        np.testing.assert_array_equal(first.hr, again.hr)


def test_more_images_begin_with_the_same_ones():
    few, many = DeadLeaves(amount=1, size=16), DeadLeaves(amount=3, size=16)
    np.testing.assert_array_equal(next(few.images(2)).hr, next(many.images(2)).hr)


def test_the_seed_decides_them():
    assert next(DeadLeaves(size=16).images(2)).hr.tobytes() != next(DeadLeaves(size=16, seed=1).images(2)).hr.tobytes()


@pytest.mark.parametrize("fields", [{"amount": 0}, {"size": 15}, {"seed": -1}], ids=str)
def test_impossible_ones_are_refused(fields):
    with pytest.raises(ValidationError):
        Dataset.of({"name": "dead-leaves", **fields})


def test_the_fingerprint_tells_data_sets_apart():
    sets = [DeadLeaves(), DeadLeaves(amount=3), DeadLeaves(size=32), DeadLeaves(seed=1)]
    assert len({dataset.fingerprint() for dataset in sets}) == len(sets)
    assert DeadLeaves(seed=1).fingerprint() == sets[3].fingerprint()
