import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qnas.core.components import Pixels, Values
from qnas.core.deploy.parity import Differences, Parity, compare
from qnas.core.images.pairs import ImagePair


class Doubled(nn.Module):
    """Enlarges by repeating pixels."""

    def forward(self, image: Tensor) -> Tensor:
        return image.repeat_interleave(2, 2).repeat_interleave(2, 3)


def images(*sizes: tuple[int, int]) -> list[ImagePair]:
    random = np.random.default_rng(0)
    made = [random.integers(30, 200, (*size, 3), dtype=np.uint8) for size in sizes]
    return [ImagePair(f"{i}", _noisy(lr.repeat(2, 0).repeat(2, 1), random), lr) for i, lr in enumerate(made)]


def _noisy(pixels: Pixels, random: np.random.Generator) -> Pixels:
    noise = random.integers(-20, 21, pixels.shape)
    return (pixels + noise).astype(np.uint8)


class Shifted:
    """A runtime that is off by so many levels at every so-manieth value, and notes the sizes that it gets."""

    def __init__(self, levels: float = 0.0, every: int = 1) -> None:
        self.levels, self.every, self.sizes = levels, every, list[tuple[int, ...]]()

    def __call__(self, lr: Values) -> Values:
        assert lr.dtype == np.float32
        self.sizes.append(lr.shape[2:])
        enlarged = Doubled()(torch.from_numpy(lr)).numpy().copy()
        enlarged.reshape(-1)[:: self.every] += self.levels / 255
        return enlarged


SETS = {"a": images((16, 20), (12, 14)), "b": images((18, 18))}


def test_the_same_values_are_proven_without_asking_for_rounding() -> None:
    parity = compare(Doubled(), Shifted(), SETS, 2)
    assert parity.is_close and parity.is_proven and parity.of_rounding is None
    assert parity.of_file.differing == 0
    assert parity.psnr["a"][0] == parity.psnr["a"][1]


def test_odd_sizes_are_compared_too() -> None:
    run = Shifted()
    parity = compare(Doubled(), run, SETS, 2)
    assert run.sizes == [(16, 20), (15, 19), (12, 14), (18, 18), (17, 17)]
    assert parity.of_file.values == sum(4 * 3 * height * width for height, width in run.sizes)


def test_a_value_in_two_thousand_may_be_off_by_one_level() -> None:
    assert compare(Doubled(), Shifted(1, every=2000), SETS, 2).is_proven


@pytest.mark.parametrize(
    ("levels", "every", "failure"),
    [(1, 500, "of the values differ"), (2, 5000, "off by 2 of 255 levels"), (40, 20, "PSNR on a differs")],
)
def test_more_than_that_is_no_proof(levels: float, every: int, failure: str) -> None:
    parity = compare(Doubled(), Shifted(levels, every), SETS, 2)
    assert failure in parity.failure()
    assert not parity.is_proven


def test_near_ties_are_counted_and_forgiven() -> None:
    differences = Differences()
    ours = torch.full((3, 10, 10), 9.4999)
    differences.add(ours, ours + 0.0002)
    assert (differences.values, differences.differing, differences.near_ties, differences.largest) == (300, 300, 300, 1)
    assert Parity(differences).is_proven
    differences.add(ours, ours + 0.02)
    assert (differences.differing, differences.near_ties) == (600, 300)
    assert not Parity(differences).is_proven


def test_what_float32_rounds_itself_is_no_failure() -> None:
    differences = Differences(values=1000, differing=4, largest=2)
    assert not Parity(differences).is_proven
    assert Parity(differences, of_rounding=Differences(values=1000, differing=2, largest=2)).is_proven
    assert not Parity(differences, of_rounding=Differences(values=1000, differing=1, largest=2)).is_proven
    assert not Parity(differences, of_rounding=Differences(values=1000, differing=2, largest=0)).is_proven


def test_a_file_of_one_size_gets_images_of_that_size() -> None:
    run = Shifted()
    parity = compare(Doubled(), run, SETS, 2, size=(14, 16))
    assert set(run.sizes) == {(14, 16)}
    parts = sum(
        math.ceil(pair.lr.shape[0] / 14) * math.ceil(pair.lr.shape[1] / 16) for of in SETS.values() for pair in of
    )
    assert len(run.sizes) == parts > 3  # each image as a whole
    assert set(parity.psnr) == {"a", "b"}  # the small image of a was compared, and is not scored


def test_it_says_how_many_images_are_done() -> None:
    done: list[int] = []
    compare(Doubled(), Shifted(), SETS, 2, report=done.append)
    assert done == [1, 2, 3]


def test_a_network_that_rounding_does_not_change_is_told_with_all_its_values() -> None:
    parity = compare(Doubled(), Shifted(levels=3.0), SETS, 2)
    told = parity.to_json()
    assert told["of_rounding"] == {**told["of_file"], "differing": 0, "equal": 1.0, "largest_in_levels": 0}
