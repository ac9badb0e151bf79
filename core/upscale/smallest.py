"""The smallest image that a network accepts: attention shrinks features, and reflect padding needs enough pixels."""

import torch
from torch import nn

_LARGEST_TRIED = 64


@torch.inference_mode()
def smallest_side(network: nn.Module, device: torch.device) -> int | None:
    """Height and width in LR pixels of the smallest square image that ``network`` accepts; None if it is above 64.

    Args:
        network: A network in evaluation mode, on ``device``.
        device: Where to compute.
    """
    for side in range(1, _LARGEST_TRIED + 1):
        try:
            network(torch.zeros(1, 3, side, side, device=device))
        except Exception:  # noqa: S112 - a network may raise anything for too small an image
            continue
        return side
    return None
