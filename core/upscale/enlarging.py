"""Enlarging images with a network."""

from collections.abc import Callable

import torch
from torch import Tensor

from qnas.core.components import Pixels
from qnas.core.errors import QnasError
from qnas.core.images.patches import to_tensor
from qnas.core.upscale.exact_ops import exact_ops

Upscale = Callable[[Tensor], Tensor]


class NotFiniteError(QnasError):
    """The output of a network contains NaN or infinity."""


def enlarge(upscale: Upscale, lr: Pixels, device: torch.device) -> Pixels:
    """One image enlarged by a network: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

    Raises:
        NotFiniteError: The output contains NaN or infinity.
    """
    return as_pixels(enlarged_levels(upscale, lr, device))


@torch.inference_mode()
def enlarged_levels(upscale: Upscale, lr: Pixels, device: torch.device) -> Tensor:
    """What :func:`enlarge` rounds: (3, H * scale, W * scale), a level of 8 bits being 1.

    Raises:
        NotFiniteError: See :func:`enlarge`.
    """
    with exact_ops(device):
        result = upscale(to_tensor(lr[None], device))[0]
    if not bool(result.isfinite().all()):
        height, width = lr.shape[:2]
        failure = f"the network's output for an image of {width} x {height} contains NaN or infinity"
        raise NotFiniteError(f"{failure}: its weights are broken (a lower learning rate may help)")
    return result.float().mul(255)


def as_pixels(levels: Tensor) -> Pixels:
    """(3, H, W) to (H, W, 3) uint8."""
    pixels: Pixels = levels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels
