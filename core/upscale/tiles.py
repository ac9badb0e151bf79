"""Enlarging images in tiles, each with as much around it as the network's receptive field, so that no seams show."""

import warnings
from collections.abc import Callable
from functools import cached_property, partial
from typing import Final

import numpy as np
import torch
from torch import nn

from qnas.core.components import Pixels, measuring
from qnas.core.errors import QnasError, QnasWarning, first_line, is_out_of_memory
from qnas.core.images.patches import to_tensor
from qnas.core.upscale.cutting import Place
from qnas.core.upscale.enlarging import enlarge
from qnas.core.upscale.exact_ops import exact_ops
from qnas.core.upscale.gathering import Gathering, TilingError
from qnas.core.upscale.memory import Footprint, available, footprint
from qnas.core.upscale.passes import Plan, plan_passes

LARGE: Final = 512  # side of a square; images with more pixels are enlarged in tiles
TILE: Final = 256  # default height and width of tiles, in LR pixels
WORKING: Final = 10**9  # bytes that a network's tensors may take by default
_SMALLEST = 32  # LR pixels, of tiles that are chosen or advised
_COPY = 4 / 3  # of the result, while it is written: an image file takes four bytes per pixel in memory


class TooLargeError(QnasError):
    """There is not enough memory for an image; the message says what needs less."""


class Upscaler:
    """Enlarges images with a network, whole or in tiles, which need little memory.

    On a CPU, both give the same result to the bit, unless the network looks at the whole image: such inputs are
    gathered from tiles in separate passes, and the result is the same up to float rounding.

    Args:
        network: A network in evaluation mode, on ``device``.
        scale: The factor that it enlarges by.
        device: Where to compute.
        tile: Height and width of a tile in LR pixels, 0 for none. By default, images are cut into tiles of at most
            256 x 256 if they have more than 512 x 512 pixels, or need more than 1 GB or more memory than there is; if
            tiles need more than one pass, only if memory requires it.
        announce: Called once with a description of how images are enlarged, if that takes more than one pass.

    Raises:
        TilingError: Tiles were requested, and the network does not allow them.
    """

    def __init__(
        self,
        network: nn.Module,
        scale: int,
        device: torch.device,
        tile: int | None = None,
        announce: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.network = network
        self.scale = scale
        self.device = device
        self.tile = tile
        self._announce = announce
        if tile and isinstance(self._planned, TilingError):
            raise TilingError(f"{self._planned}: leave out --tile")

    @property
    def plan(self) -> Plan | None:
        """How images are cut, or None if the network does not allow it."""
        return None if isinstance(self._planned, TilingError) else self._planned

    @cached_property
    def _planned(self) -> Plan | TilingError:
        try:
            return plan_passes(self.network, self.scale)
        except TilingError as error:
            return error
        except Exception as error:  # third-party networks may refuse the test images
            if is_out_of_memory(error):
                raise
            return TilingError(f"tiles can't be tried: {first_line(error)}")

    @cached_property
    def _footprint(self) -> Footprint:
        try:
            return footprint(self.network)
        except Exception:  # third-party networks may refuse small images
            return Footprint(0, 0)

    def __call__(self, lr: Pixels, report: Callable[[float], object] = lambda _: None) -> Pixels:
        """The enlarged image: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

        Args:
            lr: The image.
            report: Called after every tile with the share of the work that is done.

        Raises:
            TooLargeError: It needs more memory than there is, as estimated before anything is computed.
        """
        height, width = lr.shape[:2]
        tile = self._tile_for(height, width)
        self._refuse_too_large(height, width, tile)
        try:
            return self._in_tiles(lr, tile, report) if tile else enlarge(self.network, lr, self.device)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise TooLargeError(f"out of memory: {self._advice(tile)}") from error

    def _in_tiles(self, lr: Pixels, tile: int, report: Callable[[float], object]) -> Pixels:
        plan = self._announced_plan()
        result = np.empty((lr.shape[0] * self.scale, lr.shape[1] * self.scale, 3), dtype=np.uint8)
        gathering, tiles = plan.gathering(), plan.tiles(lr.shape[0], lr.shape[1], tile)
        for done, (number, place) in enumerate(tiles, start=1):
            row, column = place.row, place.column
            part = lr[row.start : row.stop, column.start : column.stop]
            if number < len(plan.fields) - 1:
                self._gather(gathering, part, place, number)
            else:
                made = enlarge(partial(gathering.tile, self.network, place=place, depth=number), part, self.device)
                inner = made[row.enlarged_inside(self.scale), column.enlarged_inside(self.scale)]
                result[row.enlarged(self.scale), column.enlarged(self.scale)] = inner
            report(done / len(tiles))
        return result

    @torch.inference_mode()
    def _gather(self, gathering: Gathering, part: Pixels, place: Place, depth: int) -> None:
        with exact_ops(self.device):
            gathering.tile(self.network, to_tensor(part[None], self.device), place, depth)

    def _announced_plan(self) -> Plan:
        """The plan; if it takes several passes, its first use announces them."""
        plan, passes = self.plan, len(self.plan.fields) if self.plan else 0
        if plan is None:
            raise self._planned  # type: ignore[misc]
        if passes > 1:
            gathered = sum(role.ratio is not None for role in plan.roles)
            can_freeze = len(measuring(self.network)) == gathered
            hint = "; --freeze takes one pass, with a different result" if can_freeze else ""
            self._announce(f"in {passes} passes over tiles, since the network looks at the whole image{hint}")
            self._announce = lambda _: None
        return plan

    def _tile_for(self, height: int, width: int) -> int:
        """The size of tiles for an image, or 0 to enlarge it whole."""
        if self.tile is not None:
            return self.tile if self.tile < max(height, width) else 0
        pixels = height * width
        is_costly = pixels > TILE**2 and self._footprint.of(pixels) > self._most()
        if pixels <= LARGE**2 and not is_costly:
            return 0
        if self.plan is None:
            if is_costly:
                self._warn_whole()
            return 0
        return self._largest_tile(self.plan) if is_costly or len(self.plan.fields) == 1 else 0

    def _largest_tile(self, plan: Plan) -> int:
        """The largest size of tiles that stays within the memory limit."""
        tile, most = TILE, self._most()
        while tile > _SMALLEST and self._footprint.of((tile + 2 * plan.halo) ** 2) > most:
            tile //= 2
        return tile

    def _most(self) -> int:
        """The most bytes that the network's tensors should take."""
        free = available(self.device)
        return WORKING if free is None else min(WORKING, free)

    @cached_property
    def _warned(self) -> None:
        warnings.warn(f"large images are enlarged whole: {self._planned}", QnasWarning, stacklevel=2)

    def _warn_whole(self) -> None:
        _ = self._warned

    def _refuse_too_large(self, height: int, width: int, tile: int) -> None:
        """Refuse an image that needs more memory than there is.

        Raises:
            TooLargeError: The message says what needs less.
        """
        if height * width <= TILE**2:
            return
        result = height * width * self.scale**2 * 3
        halo = self.plan.halo if tile and self.plan else 0
        rows, columns = (min(length, tile + 2 * halo) if tile else length for length in (height, width))
        working = self._footprint.of(rows * columns)
        on_cpu = result + max(0 if self.device.type == "cuda" else working, int(_COPY * result))
        for place, needed in ((torch.device("cpu"), on_cpu), (self.device, working)):
            free = available(place)
            if free is not None and needed > free:
                memory = f"about {needed / 1e9:.1f} GB of memory, but only {max(free, 0) / 1e9:.1f} GB are free"
                advice = _SMALLER if result * (1 + _COPY) > free and place.type == "cpu" else self._advice(tile)
                raise TooLargeError(f"an image of {width} x {height} takes {memory}: {advice}")

    def _advice(self, tile: int) -> str:
        """Advice on what needs less memory."""
        if self.plan is None:
            return f"{_SMALLER} ({self._planned})"
        if not tile and self.tile == 0:
            return "leave out --tile 0"
        smaller = (tile or TILE) // 2
        return f"enlarge it in smaller tiles (--tile {smaller})" if smaller >= _SMALLEST else _SMALLER


_SMALLER = "enlarge parts of it, or use a machine with more memory"
