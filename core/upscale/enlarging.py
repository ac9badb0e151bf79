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


@torch.inference_mode()
def enlarge(upscale: Upscale, lr: Pixels, device: torch.device) -> Pixels:
    """One image enlarged by a network: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

    Raises:
        NotFiniteError: The output contains NaN or infinity.
    """
    with exact_ops(device):
        result = upscale(to_tensor(lr[None], device))[0]
    if not bool(result.isfinite().all()):
        height, width = lr.shape[:2]
        failure = f"the network's output for an image of {width} x {height} contains NaN or infinity"
        raise NotFiniteError(f"{failure}: its weights are broken (a lower learning rate may help)")
    image = result.float().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    pixels: Pixels = image.cpu().numpy()
    return pixels
