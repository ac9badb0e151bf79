"""Where an image is cut into tiles, and what around each tile the network has to be given."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from torch import Tensor


class ReceptiveField(NamedTuple):
    """What of the LR image one pixel of a network's output depends on.

    Attributes:
        halo: So many LR pixels around it, on each side.
        step: The image may be cut at multiples of so many LR pixels; elsewhere the result would be another.
    """

    halo: int
    step: int


class Span(NamedTuple):
    """A tile along one direction, in LR pixels.

    Attributes:
        start: Where what the network is given begins.
        stop: Where it ends.
        inner: Where the tile itself begins.
        inner_stop: Where it ends.
    """

    start: int
    stop: int
    inner: int
    inner_stop: int

    def within(self, length: int, ratio: Fraction) -> slice:
        """Where the tile is in features made of what the network is given.

        Args:
            length: Height or width of the image.
            ratio: Pixels of the features to one of the image.
        """
        stop = None if self.inner_stop == length else int((self.inner_stop - self.start) * ratio)
        return slice(int((self.inner - self.start) * ratio), stop)

    def enlarged(self, scale: int) -> slice:
        """Where the tile is in the enlarged image."""
        return slice(self.inner * scale, self.inner_stop * scale)

    def enlarged_inside(self, scale: int) -> slice:
        """Where the tile is in what the network makes of what it is given."""
        return slice((self.inner - self.start) * scale, (self.inner_stop - self.start) * scale)


class Place(NamedTuple):
    """Where a tile is in the LR image, which is (height, width)."""

    row: Span
    column: Span
    height: int
    width: int

    def given(self, image: Tensor) -> Tensor:
        """What the network is given of an image (1, C, height, width): a copy, as some change what they are given."""
        return image[:, :, self.row.start : self.row.stop, self.column.start : self.column.stop].clone()

    def core(self, features: Tensor, ratio: Fraction) -> Tensor:
        """The tile's own part of features (1, C, H, W), ``ratio`` pixels of which are one LR pixel's."""
        return features[:, :, self.row.within(self.height, ratio), self.column.within(self.width, ratio)]


def places(height: int, width: int, tile: int, field: ReceptiveField) -> list[Place]:
    """The tiles of an image; see :func:`spans`."""
    rows, columns = (spans(length, tile, field) for length in (height, width))
    return [Place(row, column, height, width) for row, column in product(rows, columns)]


def spans(length: int, tile: int, field: ReceptiveField) -> Iterator[Span]:
    """The tiles along one direction of an image.

    Args:
        length: Height or width of the image.
        tile: That of a tile; rounded up to the field's step.
        field: Of the network.
    """
    tile, before = round_up(tile, field.step), round_up(field.halo, field.step)
    for inner in range(0, length, tile):
        inner_stop = min(inner + tile, length)
        yield Span(max(0, inner - before), min(inner_stop + field.halo, length), inner, inner_stop)


def round_up(size: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-size // step) * step
