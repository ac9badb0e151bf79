"""Enlarging by a whole factor as a convolution, which every runtime computes alike.

Runtimes differ in how they enlarge by bicubic interpolation: at the edges, in their speed, and in whether they can.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from qnas.core.upscale.interpolation import REACH, Interpolation, interpolation_taps

_MODE = "bicubic"
_SCALES = range(2, 9)


class ByConvolution(TorchFunctionMode):
    """A context in which bicubic interpolation by a whole factor is a convolution; the values are the same."""

    def __init__(self) -> None:
        super().__init__()
        for scale in _SCALES:  # computed once, and never while PyTorch captures what is computed
            for antialias in (False, True):
                interpolation_taps(scale, _MODE, antialias)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        return (_interpolate if func is F.interpolate else func)(*args, **(kwargs or {}))


def _interpolate(*args: Any, **kwargs: Any) -> Tensor:
    call = Interpolation(*args, **kwargs)
    if call.mode != _MODE or call.factor not in _SCALES:
        return call.compute()
    taps = torch.tensor(interpolation_taps(call.factor, call.mode, call.antialias))
    return _normalised(call.input, taps) if call.antialias else _enlarged(_continued(call.input), taps)


def _continued(image: Tensor) -> Tensor:
    """The image continued by its last pixels, as interpolation without antialiasing does."""
    return F.pad(image, (REACH, REACH, REACH, REACH), mode="replicate")


def _normalised(image: Tensor, taps: Tensor) -> Tensor:
    """With antialiasing, the pixels beyond the edge have no weight: those inside have all."""
    rows, columns = (_weight(torch.ones_like(line), taps) for line in (image[:1, :1, :, 0], image[:1, :1, 0]))
    enlarged = _enlarged(F.pad(image, (REACH, REACH, REACH, REACH)), taps)
    return enlarged / (rows[..., None] * columns[:, :, None])


def _weight(line: Tensor, taps: Tensor) -> Tensor:
    """The weight of the pixels inside for each new pixel along a side: (1, 1, L) to (1, 1, L * scale)."""
    return F.conv1d(line, taps[:, None], padding=REACH).transpose(1, 2).flatten(1)[:, None]


def _enlarged(image: Tensor, taps: Tensor) -> Tensor:
    """(N, C, H + 2 reach, W + 2 reach) to (N, C, H * scale, W * scale): a convolution for each place in a pixel."""
    scale, channels = len(taps), image.shape[1]
    kernels = torch.einsum("iy,jx->ijyx", taps, taps).reshape(scale * scale, 1, *[taps.shape[1]] * 2)
    return F.pixel_shuffle(F.conv2d(image, kernels.repeat(channels, 1, 1, 1), groups=channels), scale)
