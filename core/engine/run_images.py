"""The images of a run: loaded, checked and split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from qnas.core.components import Dataset
from qnas.core.engine.crops import cutter
from qnas.core.engine.images import ImagePair, load_images
from qnas.core.engine.metrics import SMALLEST
from qnas.core.engine.patches import check_size
from qnas.core.engine.search import SearchImages
from qnas.core.errors import InputError, from_field
from qnas.core.spec import Data

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunImages:
    """What a run learns from and is judged on.

    Attributes:
        learn: The training images, split for the search.
        test: Sets of images to judge on, by name.
    """

    learn: SearchImages
    test: Mapping[str, list[ImagePair]]

    @property
    def train(self) -> list[ImagePair]:
        """All images to train the found network on: both halves of the search."""
        return [*self.learn.weights, *self.learn.architecture]


def load_run_images(data: Data, scale: int, seed: int, report: Report) -> RunImages:
    """Load, check and split the images.

    Args:
        data: Where they are.
        scale: The factor between the resolutions.
        seed: Decides the split.
        report: Told which set is being loaded, how many images are done, of how many.

    Raises:
        InputError: They can't be used; its ``field`` says which field of the spec is meant.
    """
    # Everything is counted before anything is decoded: a wrong path shows at once.
    check_sets(data)
    with from_field("data", "train"):
        train = load_images(data.train, scale, data.degradation, partial(report, "train"))
        learn = split(train, data.validation, seed)
        if data.crop is not None:
            report_crops = partial(report, "crops of train")
            cut = cutter(data.train, train, data.crop, scale, data.degradation, report_crops)
            learn = replace(learn, weights=cut(learn.weights), architecture=cut(learn.architecture))
        check_size([*learn.weights, *learn.architecture], data.patch)
        refuse_unjudgeable(learn.validation)
    test = {}
    for name, dataset in data.test.items():
        with from_field("data", "test", name):
            test[name] = images = load_images(dataset, scale, data.degradation, partial(report, name))
            refuse_unjudgeable(images)
    return RunImages(learn, test)


def refuse_unjudgeable(pairs: Sequence[ImagePair]) -> None:
    """Refuse images that are too small for the metrics.

    Raises:
        InputError: It names the image.
    """
    for image in pairs:
        if min(image.hr.shape[:2]) < SMALLEST:
            raise InputError(f"is too small to be judged: SSIM needs {SMALLEST} pixels a side", image.name)


def check_sets(data: Data) -> dict[str, int]:
    """How many images each set has, by ``train`` and ``test.NAME``, without decoding any.

    Raises:
        InputError: A set can't be found or is empty.
    """
    counts = {}
    for field, dataset in named_sets(data):
        with from_field("data", *field):
            counts[".".join(field)] = dataset.count()
    with from_field("data", "train"):
        _enough(counts["train"], data.validation)
    return counts


def named_sets(data: Data) -> list[tuple[tuple[str, ...], Dataset]]:
    """Every data set, with its field inside of ``data``."""
    return [(("train",), data.train), *((("test", name), dataset) for name, dataset in data.test.items())]


def _enough(count: int, validation: int) -> None:
    if count < validation + 2:
        raise InputError(
            f"has {count} images; {validation} are held out (data.validation) and the search needs 2 more at least"
        )


def split(pairs: list[ImagePair], validation: int, seed: int) -> SearchImages:
    """Hold some images out and halve the rest, at random but always alike for one seed.

    Raises:
        InputError: There are too few.
    """
    _enough(len(pairs), validation)
    order = np.random.default_rng(seed).permutation(len(pairs))
    shuffled = [pairs[index] for index in order]
    held_out, rest = shuffled[:validation], shuffled[validation:]
    half = (len(rest) + 1) // 2
    return SearchImages(weights=rest[:half], architecture=rest[half:], validation=held_out)
