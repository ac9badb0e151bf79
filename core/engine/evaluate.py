"""Enlarging images with a network, and judging the result."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from qnas.core.components import FakeQuantizer, Mixture, Pixels
from qnas.core.engine.baseline import bicubic_scores
from qnas.core.engine.images import ImagePair
from qnas.core.engine.metrics import psnr_y, score
from qnas.core.engine.patches import to_tensor
from qnas.core.engine.seamless import seamless
from qnas.core.engine.statistics import statistics_kept
from qnas.core.errors import QnasError, QnasWarning
from qnas.core.network.seeds import generators_kept

Upscale = Callable[[Tensor], Tensor]


class NotFiniteError(QnasError):
    """A network makes something of an image that is no picture: there are numbers in it that are not finite."""


@torch.inference_mode()
def enlarge(upscale: Upscale, lr: Pixels, device: torch.device) -> Pixels:
    """What a network makes of one image: (H, W, 3) uint8 to (H * scale, W * scale, 3) uint8.

    Raises:
        NotFiniteError: It would be NaN or infinite somewhere.
    """
    with seamless(device):
        result = upscale(to_tensor(lr[None], device))[0]
    if not bool(result.isfinite().all()):
        height, width = lr.shape[:2]
        what = f"the network makes numbers that are not finite of an image of {width} x {height}"
        raise NotFiniteError(f"{what}: what it has learned is broken (a lower learning rate may help)")
    image = result.float().mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    pixels: Pixels = image.cpu().numpy()
    return pixels


def validate(upscale: Upscale, pairs: Sequence[ImagePair], scale: int, device: torch.device) -> tuple[float, float]:
    """Mean PSNR on Y in dB and mean absolute error (in 0..1) over whole images, in this order.

    A network that makes numbers of one which are not finite is the worst there can be, -inf dB and inf, and is told of
    in a warning: a search that tries many must not end with one of them.
    """
    try:
        enlarged = [(enlarge(upscale, p.lr, device), p.hr) for p in pairs]
    except NotFiniteError as broken:
        warnings.warn(f"in a validation {broken}; it counts as the worst there can be", QnasWarning, stacklevel=2)
        return float("-inf"), float("inf")
    psnr = float(np.mean([psnr_y(ours, hr, scale) for ours, hr in enlarged]))
    error = float(np.mean([np.abs(ours.astype(np.float32) - hr).mean() / 255 for ours, hr in enlarged]))
    return psnr, error


def judge(ours: Pixels, image: ImagePair, scale: int) -> dict[str, object]:
    """Scores of an enlarged image, bicubic's beside them."""
    with ThreadPoolExecutor(1) as beside:  # NumPy leaves Python to other threads
        bicubic = beside.submit(bicubic_scores, image, scale)
        return {**score(ours, image.hr, scale), "bicubic": bicubic.result()}


@torch.no_grad()
def calibrate(
    network: nn.Module,
    run: Callable[[], object],
    ancestors: Mapping[FakeQuantizer, FakeQuantizer] = MappingProxyType({}),
    *,
    as_they_are: bool = False,
) -> None:
    """Let every fake quantizer of ``network`` set itself up from the first tensor that ``run`` sends through it.

    Args:
        network: What has the quantizers.
        run: Sends a batch through it.
        ancestors: What stood in the place of a quantizer during the search: what its grid leaves of the tensor is
            what is seen.
        as_they_are: Whether they are of the same quantizer, and pass on their state.
    """
    pending: dict[nn.Module, RemovableHandle] = {}

    def observe(quantizer: FakeQuantizer, inputs: tuple[Tensor, ...]) -> None:
        ancestor = ancestors.get(quantizer)
        if ancestor is not None and as_they_are:
            quantizer.load_state_dict(ancestor.state_dict())
        else:
            quantizer.observe(inputs[0] if ancestor is None else _clipped(inputs[0], ancestor))
        pending.pop(quantizer).remove()  # what runs again is set up already

    for module in network.modules():
        if isinstance(module, FakeQuantizer):
            pending[module] = module.register_forward_pre_hook(observe)
    try:
        run()
    finally:
        for handle in pending.values():
            handle.remove()


def calibrate_for_training(network: nn.Module, run: Callable[[], object]) -> None:
    """Calibrate a network that is to be trained, and leave it in training mode.

    What is observed is what training will send: Batch Norm normalises by the batch, for its running statistics are
    not estimated yet. Only the quantizers are in evaluation mode, so that they round where some add noise in training.
    Beside their state nothing moves: no running statistic, no generator of random numbers.

    Args:
        network: What has the quantizers.
        run: Sends a batch through it.
    """
    for module in network.train().modules():
        if isinstance(module, FakeQuantizer | Mixture):
            module.eval()
    with statistics_kept(network), generators_kept():
        calibrate(network, run)
    network.train()


def _clipped(tensor: Tensor, ancestor: FakeQuantizer) -> Tensor:
    try:
        step, q_min, q_max, offset = ancestor.grid()
    except ValueError:  # some that only search have none
        return tensor
    return tensor.clamp(step * q_min + offset, step * q_max + offset)
