"""Where an image is cut into tiles, and how much around each tile the network needs as input."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from torch import Tensor


class ReceptiveField(NamedTuple):
    """The part of the LR image that one pixel of a network's output depends on.

    Attributes:
        halo: Number of LR pixels around it on each side.
        step: The image may be cut at multiples of this many LR pixels; cuts elsewhere would change the result.
    """

    halo: int
    step: int


class Span(NamedTuple):
    """A tile along one direction, in LR pixels.

    Attributes:
        start: Where the network's input begins.
        stop: Where the network's input ends.
        inner: Where the tile itself begins.
        inner_stop: Where the tile itself ends.
    """

    start: int
    stop: int
    inner: int
    inner_stop: int

    def within(self, length: int, ratio: Fraction) -> slice:
        """Where the tile is in features that the network computes from its input.

        Args:
            length: Height or width of the image.
            ratio: Pixels of the features per pixel of the image.
        """
        stop = None if self.inner_stop == length else int((self.inner_stop - self.start) * ratio)
        return slice(int((self.inner - self.start) * ratio), stop)

    def enlarged(self, scale: int) -> slice:
        """Where the tile is in the enlarged image."""
        return slice(self.inner * scale, self.inner_stop * scale)

    def enlarged_inside(self, scale: int) -> slice:
        """Where the tile is in the network's output."""
        return slice((self.inner - self.start) * scale, (self.inner_stop - self.start) * scale)


class Place(NamedTuple):
    """Where a tile is in the LR image, which is (height, width)."""

    row: Span
    column: Span
    height: int
    width: int

    def given(self, image: Tensor) -> Tensor:
        """The network's part of an image (1, C, height, width): a copy, since some networks change their input."""
        return image[:, :, self.row.start : self.row.stop, self.column.start : self.column.stop].clone()

    def core(self, features: Tensor, ratio: Fraction) -> Tensor:
        """The tile's own part of features (1, C, H, W) with ``ratio`` pixels per LR pixel."""
        return features[:, :, self.row.within(self.height, ratio), self.column.within(self.width, ratio)]


def places(height: int, width: int, tile: int, field: ReceptiveField) -> list[Place]:
    """The tiles of an image; see :func:`spans`."""
    rows, columns = (spans(length, tile, field) for length in (height, width))
    return [Place(row, column, height, width) for row, column in product(rows, columns)]


def spans(length: int, tile: int, field: ReceptiveField) -> Iterator[Span]:
    """The tiles along one direction of an image.

    Args:
        length: Height or width of the image.
        tile: Height or width of a tile; rounded up to the field's step.
        field: The network's receptive field.
    """
    tile, before = round_up(tile, field.step), round_up(field.halo, field.step)
    for inner in range(0, length, tile):
        inner_stop = min(inner + tile, length)
        yield Span(max(0, inner - before), min(inner_stop + field.halo, length), inner, inner_stop)


def round_up(size: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-size // step) * step
