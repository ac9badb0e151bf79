"""Calls of PyTorch's interpolation, and the weights that it gives to the pixels around a new one."""

import functools
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 2  # pixels that bicubic interpolation reads on each side
_MIDDLE = 4  # a pixel that is far from both ends of 9


class Interpolation(NamedTuple):
    """The arguments of a call of ``F.interpolate``, by its names."""

    input: Tensor
    size: Any = None
    scale_factor: Any = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    antialias: bool = False

    @property
    def factor(self) -> int | None:
        """The whole factor that it enlarges by; None if it does anything else, or aligns corners."""
        factor = self.scale_factor
        is_whole = isinstance(factor, int | float) and factor == int(factor) > 1
        return int(factor) if is_whole and self.size is None and not self.align_corners else None

    def compute(self) -> Tensor:
        """What PyTorch returns."""
        return F.interpolate(*self)


@functools.cache
def interpolation_taps(scale: int, mode: str, antialias: bool) -> tuple[tuple[float, ...], ...]:
    """The weights of an old pixel and its neighbours for each of the ``scale`` new pixels inside it."""
    impulses = torch.eye(2 * _MIDDLE + 1, dtype=torch.float64)[None, :, None]  # one per channel
    answers = F.interpolate(impulses, scale_factor=(1, scale), mode=mode, align_corners=False, antialias=antialias)
    near = slice(_MIDDLE - REACH, _MIDDLE + REACH + 1)
    return tuple(map(tuple, answers[0, near, 0, _MIDDLE * scale : (_MIDDLE + 1) * scale].T.tolist()))
