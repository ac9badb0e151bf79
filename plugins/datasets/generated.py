"""A data set that is generated: dead leaves."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from qnas.core.components import Dataset, ImageSizes, SourceImage
from qnas.core.settings import Amount, Extent, Seed
from qnas.plugins.datasets.dead_leaves import dead_leaves


class DeadLeaves(Dataset):
    """Generated occlusion images, which need no download (see ``qnas.plugins.datasets.dead_leaves``).

    Attributes:
        amount: Number of images.
        size: Height and width of each in pixels.
        seed: Seed of the images.
    """

    example = {"amount": 3, "size": 32}

    amount: Amount = 128
    size: Annotated[Extent, Field(ge=16)] = 128
    seed: Seed = 0

    def images(self, scale: int) -> Iterator[SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        del scale
        for index in range(self.amount):
            generator = np.random.default_rng((self.seed, index))
            yield SourceImage(_name(index), dead_leaves(self.size, generator))

    def sizes(self, scale: int) -> Iterator[ImageSizes]:
        """See :meth:`qnas.Dataset.sizes`."""
        del scale
        return (ImageSizes(_name(index), (self.size, self.size)) for index in range(self.amount))

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        return self.amount


def _name(index: int) -> str:
    return f"leaves-{index:05d}"
