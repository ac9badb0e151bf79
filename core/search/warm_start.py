"""A warm start on training images: see :func:`qnas.core.network.warm.start.warm_start`."""

import logging
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from qnas.core.images.patches import PatchSampler
from qnas.core.network.warm.start import Errors, is_warm, warm_start
from qnas.core.training.streams import WARM_START

_LOGGER = logging.getLogger("qnas.warm_start")
_PIXELS = 2**13


def start_warm(
    network: nn.Module, sampler: Callable[[str], PatchSampler], report: Callable[[int, int], object] = lambda *_: None
) -> Errors:
    """Start the operations of warm slots from what stood there, and log how close they come; nothing if none is warm.

    Args:
        network: With filled or mixed slots, on its device.
        sampler: Returns the batches of a random stream of that name.
        report: See :func:`warm_start`.

    Returns:
        The error of each operation by slot and label, as a share of the variance of what stood there.
    """
    if not is_warm(network):
        return {}
    batches = sampler(WARM_START)
    images: list[Tensor] = []
    while sum(batch[:, 0].numel() for batch in images) < _PIXELS:
        images.append(batches.draw().lr)
    errors = warm_start(network, images, report)
    for path, of_slot in errors.items():
        _LOGGER.info("%s starts from its weights: %s", path, _words(of_slot))
    return errors


def _words(errors: Mapping[str, float]) -> str:
    return ", ".join(
        f"{label} {f'with an error of {error:.1%}' if error else 'exactly'}" for label, error in errors.items()
    )
