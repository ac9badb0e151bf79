"""The smallest image that a network accepts: attention shrinks features, and reflect padding needs enough pixels."""

from collections.abc import Sequence

import torch
from torch import nn

from qnas.core.errors import first_line, place_of

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


def too_small(network: nn.Module, size: Sequence[int], device: torch.device) -> str:
    """Why an image of a size that a network failed on is too small for it, or ``""`` if that is not the reason.

    Args:
        network: A network in evaluation mode, on ``device``.
        size: Height and width of the image.
        device: Where to compute.
    """
    side = smallest_side(network, device)
    if side is None or min(size) >= side:
        return ""
    return f"{_in_words(size)} is too small for this network, which needs at least {side} x {side}"


def refusal(network: nn.Module, size: Sequence[int], device: torch.device, error: Exception) -> str:
    """Why a network failed on an image, in one line: as it is too small, or else what the network raised.

    Args:
        network: A network in evaluation mode, on ``device``.
        size: Height and width of the image.
        device: Where to compute.
        error: What it raised.
    """
    failed = f"the network fails on an image of {_in_words(size)}: {first_line(error)}{place_of(error)}"
    return too_small(network, size, device) or failed


def _in_words(size: Sequence[int]) -> str:
    height, width = size
    return f"{width} x {height} (width x height)"
