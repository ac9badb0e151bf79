"""Calibration: every fake quantizer sets itself up from the tensors that pass through it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from qnas.core.components import FakeQuantizer, Mixture
from qnas.core.network.probing.seeds import generators_kept
from qnas.core.network.statistics import statistics_kept


@torch.no_grad()
def calibrate(
    network: nn.Module,
    run: Callable[[], object],
    ancestors: Mapping[FakeQuantizer, FakeQuantizer] = MappingProxyType({}),
    *,
    as_they_are: bool = False,
    in_float: bool = False,
) -> None:
    """Let every fake quantizer of ``network`` set itself up from the first tensor that ``run`` sends through it.

    Args:
        network: The network with the quantizers.
        run: Sends a batch through it.
        ancestors: The predecessor of a quantizer in the search: the quantizer sees the tensor clipped to its grid.
        as_they_are: Whether ancestors are of the same quantizer and pass on their state.
        in_float: Whether what they observe is that of the network in float, and not what the quantizers before leave
            of it. At few bits, each one takes something of the variance; steps that fit what is left take more.
    """
    pending: dict[nn.Module, RemovableHandle] = {}

    def observe(quantizer: FakeQuantizer, inputs: tuple[Tensor, ...]) -> None:
        ancestor = ancestors.get(quantizer)
        if ancestor is not None and as_they_are:
            quantizer.load_state_dict(ancestor.state_dict())
        else:
            seen = inputs[0] if ancestor is None else _clipped(inputs[0], ancestor)
            quantizer.observe(seen if quantizer.headroom == 1 else seen * quantizer.headroom)
        pending.pop(quantizer).remove()  # a quantizer that runs again is already set up

    for module in network.modules():
        if isinstance(module, FakeQuantizer):
            pending[module] = module.register_forward_pre_hook(observe)
    passed = [quantizer.register_forward_hook(_pass) for quantizer in pending] if in_float else []
    try:
        run()
    finally:
        for handle in (*pending.values(), *passed):
            handle.remove()


def calibrate_for_training(
    network: nn.Module, run: Callable[[], object], *, only: nn.Module | None = None, in_float: bool = False
) -> None:
    """Calibrate a network that is to be trained, and leave it in training mode.

    Quantizers observe the tensors of training: Batch Norm normalises by the batch, since its running statistics are not
    estimated yet. Only the quantizers are in evaluation mode, so that they round where some add noise in training.
    Nothing but their state changes: no running statistic, no generator of random numbers.

    Args:
        network: The network with the quantizers.
        run: Sends a batch through it.
        only: The part of it whose quantizers are to be set up; by default all of it.
        in_float: See :func:`calibrate`.
    """
    for module in network.train().modules():
        if isinstance(module, FakeQuantizer | Mixture):
            module.eval()
    with statistics_kept(network), generators_kept():
        calibrate(network if only is None else only, run, in_float=in_float)
    network.train()


def _pass(_: nn.Module, inputs: tuple[Tensor, ...], __: object) -> Tensor:
    return inputs[0]


def _clipped(tensor: Tensor, ancestor: FakeQuantizer) -> Tensor:
    try:
        step, q_min, q_max, offset = ancestor.grid()
    except ValueError:  # some quantizers of the search have no grid
        return tensor
    return tensor.clamp(step * q_min + offset, step * q_max + offset)
