"""The images of a run: loaded, checked and split."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from qnas.core.components import Dataset, ImageSizes, Space
from qnas.core.errors import InputError, QnasWarning, from_field
from qnas.core.images.cache import digest_of
from qnas.core.images.checking.likeness import unlike
from qnas.core.images.crops import cutter
from qnas.core.images.loading import load_images, sizes_of
from qnas.core.images.pairs import ImagePair, pair, refuse_unfit
from qnas.core.images.settings import Data
from qnas.core.images.size_rules import (
    fitted,
    refuse_too_small_for,
    refuse_under_crop,
    refuse_under_patch,
    refuse_unjudgeable,
)
from qnas.core.images.source_images import count_of, first_images
from qnas.core.search.images import SearchImages

Report = Callable[[str, int, int], None]
_LOOKED_AT: Final = 50_000_000  # pixels of HR images


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
        return self.learn.training


def load_run_images(
    data: Data, scale: int, seed: int, report: Report, space: Space | None = None, largest_patch: int = 0
) -> RunImages:
    """Load, check and split the images.

    Args:
        data: Where they are.
        scale: The factor between the resolutions.
        seed: Decides the split.
        report: Called with the set that is being loaded, how many images are done, and of how many.
        space: Whose networks have to take the images.
        largest_patch: Height and width of the largest patches that ``train.patches`` asks for.

    Raises:
        InputError: They can't be used; its ``field`` says which field of the spec is meant.
    """
    # Headers are read before anything is decoded: what is wrong shows at once.
    check_images(data, scale, seed, space=space, largest_patch=largest_patch)
    with from_field("data", "train"):
        train = load_images(data.train, scale, data.degradation, partial(report, "train"))
        refuse = partial(_refuse_small, data=data, scale=scale, seed=seed, space=space, largest_patch=largest_patch)
        refuse(dict(enumerate(image.sizes for image in train)), len(train))
        learn = split(train, data.validation, seed)
        _warn_of_unlike("data.train", train, scale)
        if data.crop is not None:
            report_crops = partial(report, "crops of train")
            digest = digest_of(data.train, scale, data.degradation)
            cut = cutter(train, digest, data.crop, scale, data.degradation, report_crops)
            learn = replace(learn, weights=cut(learn.weights), architecture=cut(learn.architecture))
    test = {}
    for name, dataset in data.test.items():
        with from_field("data", "test", name):
            test[name] = images = load_images(dataset, scale, data.degradation, partial(report, name))
            _refuse_unjudgeable([image.sizes for image in images], data, scale, space)
            _warn_of_unlike(f"data.test.{name}", images, scale)
    return RunImages(learn, test)


def _warn_of_unlike(field: str, images: Sequence[ImagePair], scale: int) -> None:
    """Warn of LR images that are not their reduced HR images.

    Of large sets, only some images are inspected, evenly spread, so that it takes at most a second.
    """
    pixels = sum(image.lr.shape[0] * image.lr.shape[1] for image in images) * scale**2
    looked_at = images[:: math.ceil(pixels / _LOOKED_AT)]
    found = [(image.name, how.what) for image in looked_at if (how := unlike(image.hr, image.lr))]
    if found:
        (name, what), of = found[0], f"{len(found)} of the {len(looked_at)} LR images that were looked at"
        why = f"{field}: {of} do not look like their HR images; that of {name} {what}"
        warnings.warn(f"{why} (qnas data check looks at all)", QnasWarning, stacklevel=3)


def check_images(
    data: Data, scale: int, seed: int, tried: int = 0, space: Space | None = None, largest_patch: int = 0
) -> dict[str, int]:
    """How many images each set has, by ``train`` and ``test.NAME``, and whether a run would refuse any.

    Only headers and the cache are read: no image is decoded or generated.

    Args:
        data: Where the images are.
        scale: The factor between the resolutions.
        seed: Decides which training images are held out.
        tried: How many images to make of sets that can't say how large their images are.
        space: Whose networks have to take the images.
        largest_patch: Height and width of the largest patches that ``train.patches`` asks for.

    Raises:
        InputError: They can't be used; its ``field`` says which field of the spec is meant.
    """
    counts = check_sets(data)
    for field, dataset in named_sets(data):
        with from_field("data", *field):
            sizes = _known_sizes(dataset, scale, data, tried)
            if field == ("train",):
                _refuse_small(sizes, counts["train"], data, scale, seed, space, largest_patch)
            else:
                _refuse_unjudgeable([*sizes.values()], data, scale, space)
    return counts


def _known_sizes(dataset: Dataset, scale: int, data: Data, tried: int) -> dict[int, ImageSizes]:
    """The sizes in which images are used, by their place in the data set, as far as they are known."""
    known = sizes_of(dataset, scale, data.degradation)
    if known is None:
        return {
            index: pair(image, scale, data.degradation).sizes
            for index, image in enumerate(first_images(dataset, scale, tried))
        }
    if any(image.lr is None for image in known):
        refuse_unfit(data.degradation, scale)
    return {index: fitted(image, scale) for index, image in enumerate(known)}


def _refuse_small(
    sizes: Mapping[int, ImageSizes],
    count: int,
    data: Data,
    scale: int,
    seed: int,
    space: Space | None,
    largest_patch: int,
) -> None:
    """Refuse training images that are too small for what they are used for.

    Args:
        sizes: Those that are known, by their place among all.
        count: How many images there are.
        data: What they are used for.
        scale: The factor between the resolutions.
        seed: Decides the split.
        space: Whose networks have to take them.
        largest_patch: Height and width of the largest patches that ``train.patches`` asks for.

    Raises:
        InputError: It names the image.
    """
    weights, architecture, validation = _places(count, data.validation, seed)
    for index in (*weights, *architecture):
        if index in sizes:
            refuse_under_patch(sizes[index], data.patch)
            refuse_under_patch(sizes[index], largest_patch, "the sizes in train.patches")
            if data.crop is not None:
                refuse_under_crop(sizes[index], data.crop.size)
    _refuse_unjudgeable([sizes[index] for index in validation if index in sizes], data, scale, space)


def _refuse_unjudgeable(judged: Sequence[ImageSizes], data: Data, scale: int, space: Space | None) -> None:
    """Refuse images that are too small for the metrics or for the networks of ``space``."""
    for image in judged:
        refuse_unjudgeable(image)
    if space is not None:
        refuse_too_small_for(space, scale, data.patch, judged)


def check_sets(data: Data) -> dict[str, int]:
    """How many images each set has, by ``train`` and ``test.NAME``, without decoding any.

    Raises:
        InputError: A set can't be found or is empty.
    """
    counts = {}
    for field, dataset in named_sets(data):
        with from_field("data", *field):
            counts[".".join(field)] = count_of(dataset)
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
    """Hold some images out and halve the rest at random; a seed always gives the same split.

    Raises:
        InputError: There are too few.
    """
    weights, architecture, held_out = ([pairs[i] for i in part] for part in _places(len(pairs), validation, seed))
    return SearchImages(weights, architecture, held_out)


def _places(count: int, validation: int, seed: int) -> tuple[list[int], list[int], list[int]]:
    """The places of the images for weights and architecture, and of those held out, in this order."""
    _enough(count, validation)
    shuffled = np.random.default_rng(seed).permutation(count).tolist()
    held_out, rest = shuffled[:validation], shuffled[validation:]
    half = (len(rest) + 1) // 2
    return rest[:half], rest[half:], held_out
