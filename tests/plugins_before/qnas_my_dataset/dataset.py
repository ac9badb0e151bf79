"""A data set: where images come from."""

from collections.abc import Iterator

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

import qnas


class MyDataset(qnas.Dataset):
    """Generated stripes of any direction, width and colours.

    Attributes:
        amount: How many images.
        size: Height and width of each in pixels.
        seed: Decides them.
    """

    amount: PositiveInt = 64
    size: PositiveInt = 96
    seed: NonNegativeInt = 0

    def images(self, scale: int) -> Iterator[qnas.SourceImage]:
        """See :meth:`qnas.Dataset.images`."""
        del scale
        for index in range(self.amount):
            generator = np.random.default_rng((self.seed, index))
            yield qnas.SourceImage(f"stripes-{index:05d}", _stripes(self.size, generator))

    def count(self) -> int:
        """See :meth:`qnas.Dataset.count`."""
        return self.amount


def _stripes(size: int, generator: np.random.Generator) -> qnas.Pixels:
    """(size, size, 3) stripes whose edges are some pixels wide."""
    angle, period = generator.uniform(0, np.pi), generator.uniform(4, 32)
    rows, columns = np.mgrid[:size, :size]
    along = np.cos(angle) * columns + np.sin(angle) * rows
    share = np.clip(0.5 + np.sin(2 * np.pi * along / period), 0, 1)
    first, second = generator.uniform(0, 255, (2, 3))
    mixed = first + share[..., None] * (second - first)
    pixels: qnas.Pixels = mixed.round().astype(np.uint8)
    return pixels
