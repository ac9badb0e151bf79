"""Enlarging images in tiles, each with as much around it as the network sees, so that no seam is left."""

import warnings
from collections.abc import Callable
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
import torch
from torch import nn

from qnas.core.components import Pixels
from qnas.core.engine.cutting import ReceptiveField, spans
from qnas.core.engine.evaluate import enlarge
from qnas.core.engine.receptive_field import TilingError, find_receptive_field
from qnas.core.errors import QnasWarning

LARGE: Final = 512  # an image of more pixels than a square of this is enlarged in tiles
TILE: Final = 256  # height and width of tiles, in LR pixels, where the user does not say


class Upscaler:
    """Enlarges images with a network, whole or in tiles; on a CPU either gives the same to the bit.

    Args:
        network: In evaluation mode, on ``device``.
        scale: The factor that it enlarges by.
        device: Where to compute.
        tile: Height and width of a tile in LR pixels, 0 for none. By default images of more than 512 x 512 pixels
            are cut into tiles of 256 x 256, if the network permits it.

    Raises:
        TilingError: Tiles were asked for, and the network does not permit it.
    """

    def __init__(self, network: nn.Module, scale: int, device: torch.device, tile: int | None = None) -> None:
        self.network = network
        self.scale = scale
        self.device = device
        self.tile = tile
        if tile:
            _ = self.field

    @cached_property
    def field(self) -> ReceptiveField:
        """The network's receptive field.

        Raises:
            TilingError: It is as large as the image.
        """
        return find_receptive_field(self.network, self.scale)

    def __call__(self, lr: Pixels, report: Callable[[float], object] = lambda _: None) -> Pixels:
        """The image enlarged: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

        Args:
            lr: The image.
            report: Told after every tile which share of the image is done.
        """
        tile = self._tile_for(*lr.shape[:2])
        if not tile:
            return enlarge(self.network, lr, self.device)
        result = np.empty((lr.shape[0] * self.scale, lr.shape[1] * self.scale, 3), dtype=np.uint8)
        rows, columns = (list(spans(length, tile, self.field)) for length in lr.shape[:2])
        for done, (row, column) in enumerate(product(rows, columns), start=1):
            part = enlarge(self.network, lr[row.start : row.stop, column.start : column.stop], self.device)
            inner = part[row.enlarged_inside(self.scale), column.enlarged_inside(self.scale)]
            result[row.enlarged(self.scale), column.enlarged(self.scale)] = inner
            report(done / (len(rows) * len(columns)))
        return result

    def _tile_for(self, height: int, width: int) -> int:
        """The size of tiles for an image, 0 for whole."""
        if self.tile is not None:
            return self.tile if self.tile < max(height, width) else 0
        return TILE if height * width > LARGE**2 and self._permits_tiles else 0

    @cached_property
    def _permits_tiles(self) -> bool:
        try:
            _ = self.field
        except TilingError as error:
            warnings.warn(f"large images are enlarged whole: {error}", QnasWarning, stacklevel=2)
            return False
        return True
