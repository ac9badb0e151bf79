"""The interface of data sets: where high-resolution images, or pairs of both resolutions, come from."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnas.core.components.component import Component
from qnas.core.errors import InputError

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


class ImageSizes(NamedTuple):
    """How large an image of a data set is.

    Attributes:
        name: Of the image.
        hr: Height and width in pixels.
        lr: Height and width of the LR image that belongs to it, or None if it has none.
    """

    name: str
    hr: tuple[int, int]
    lr: tuple[int, int] | None = None


@dataclass(frozen=True)
class ImageSource:
    """An image that is not read yet; any can be read at any time, in any thread.

    Attributes:
        name: Unique in its data set.
        hr: Reads it: (H, W, 3) RGB, uint8. It raises ``InputError`` if it can't be read.
        lr: Read its LR images, as far as there are any, by scale.
        fingerprint: A text that changes whenever the image does.
        mode: Says what pixels it is stored with, as Pillow names them: ``L`` is gray, ``RGBA`` has transparency.
    """

    name: str
    hr: Callable[[], Pixels]
    lr: Mapping[int, Callable[[], Pixels]] = field(default_factory=dict)
    fingerprint: str = ""
    mode: Callable[[], str] = lambda: "RGB"

    def read(self, scale: int) -> SourceImage:
        """The image, with its LR image of that scale if it has one."""
        return SourceImage(self.name, self.hr(), self.lr[scale]() if scale in self.lr else None)


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

    def sizes(self, scale: int) -> Iterable[ImageSizes] | None:
        """The sizes of all images in the order of :meth:`images`, without decoding or generating them.

        ``qnas check`` refuses by them what a run would refuse. By default they are not known: then it makes the
        first images.

        Args:
            scale: The factor between the two resolutions.

        Raises:
            InputError: A file is missing, or can't be used as its header says.
        """
        del scale
        return None

    def sources(self, scales: Sequence[int]) -> list[ImageSource]:
        """All images in the order of :meth:`images`, each to be read by itself, so that many can be at once.

        Args:
            scales: Of which LR images are looked for.

        Raises:
            InputError: A file is missing, or this data set can't do that: by default none can.
        """
        del scales
        raise InputError(f"the images of '{self.known_as}' can only be read one after another")

    def stored_in(self) -> Path | None:
        """The pack that the images are in already, to be read from it and not cached; by default they are in none."""
        return None
