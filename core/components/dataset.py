"""The interface of data sets: where high-resolution images, or pairs of both resolutions, come from."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnas.core.components.component import Component

Pixels = npt.NDArray[np.uint8]


class SourceImage(NamedTuple):
    """One image of a data set.

    Attributes:
        name: Unique in its data set.
        hr: (H, W, 3) RGB, uint8.
        lr: (H / scale, W / scale, 3) RGB, uint8, or None to have it made from ``hr`` by bicubic reduction.
    """

    name: str
    hr: Pixels
    lr: Pixels | None = None


class Dataset(Component):
    """Yields images. What it yields is cached, so it may be slow."""

    kind = "dataset"

    @abstractmethod
    def images(self, scale: int) -> Iterator[SourceImage]:
        """All images, in a fixed order, the same at every call.

        Args:
            scale: The factor between the two resolutions.

        Raises:
            InputError: A file is missing, broken or of the wrong size.
        """

    @abstractmethod
    def count(self) -> int:
        """How many images there are, without decoding or generating them.

        Raises:
            InputError: There are none, or they can't be found.
        """

    def fingerprint(self) -> str:
        """A text that changes whenever the images do; by default the fields."""
        return self.model_dump_json()
