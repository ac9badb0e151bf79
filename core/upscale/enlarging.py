"""Enlarging images with a network, and judging the result."""

from collections.abc import Callable

import torch
from torch import Tensor

from qnas.core.components import Pixels
from qnas.core.errors import QnasError
from qnas.core.images.patches import to_tensor
from qnas.core.upscale.exact_ops import exact_ops

Upscale = Callable[[Tensor], Tensor]


class NotFiniteError(QnasError):
    """A network makes something of an image that is no picture: there are numbers in it that are not finite."""


@torch.inference_mode()
def enlarge(upscale: Upscale, lr: Pixels, device: torch.device) -> Pixels:
    """What a network makes of one image: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

    Raises:
        NotFiniteError: It would be NaN or infinite somewhere.
    """
    with exact_ops(device):
        result = upscale(to_tensor(lr[None], device))[0]
    if not bool(result.isfinite().all()):
        height, width = lr.shape[:2]
        what = f"the network makes numbers that are not finite of an image of {width} x {height}"
        raise NotFiniteError(f"{what}: what it has learned is broken (a lower learning rate may help)")
    image = result.float().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    pixels: Pixels = image.cpu().numpy()
    return pixels
