"""Running statistics of a network, such as Batch Norm's: estimated again, or kept unchanged."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from qnas.core.components import ImageStatistic
from qnas.core.network.probing.seeds import generators_kept

BATCHES = 20

RunningStatistic = _NormBase | ImageStatistic


def running_statistics(network: nn.Module) -> list[RunningStatistic]:
    """The modules of ``network`` that keep a running statistic: of Batch Norm, Instance Norm or a whole image.

    Modules that are frozen or keep none (``track_running_stats=False``) are left out.
    """
    return [module for module in network.modules() if _is_running(module)]


def _is_running(module: nn.Module) -> TypeGuard[RunningStatistic]:
    if isinstance(module, ImageStatistic):
        return not module.frozen
    return isinstance(module, _NormBase) and module.running_mean is not None


@contextlib.contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """A context that restores the running statistics of ``network`` afterwards."""
    tensors = [buffer for module in running_statistics(network) for buffer in module.buffers(recurse=False)]
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)


@torch.no_grad()
def reestimate(network: nn.Module, draw: Callable[[], Tensor], begin: Callable[[], object]) -> None:
    """Estimate every running statistic of ``network`` again, as its average over 20 batches.

    Everything else is in evaluation mode meanwhile, as when the network is used, so that nothing is random and no other
    state changes. Modes, momenta and random numbers are restored afterwards. A statistic that training does not change,
    because its author has frozen it, stays the same; so does one that no tensor passes through.

    Args:
        network: A network whose weights have changed since its statistics were measured.
        draw: Returns the next batch of LR images, (N, 3, H, W). Not called if there are no statistics.
        begin: Called first, if there are statistics, for anything to set up before the network can run.
    """
    with modes_kept(network), generators_kept():
        statistics = [statistic for statistic in running_statistics(network.train()) if statistic.training]
        network.eval()
        for statistic in statistics:
            statistic.training = True  # train() would also reach the modules inside it
        if statistics:
            begin()
            _average(network, draw, statistics)


def _average(network: nn.Module, draw: Callable[[], Tensor], statistics: Sequence[RunningStatistic]) -> None:
    with contextlib.ExitStack() as averaging:
        for statistic in statistics:
            averaging.enter_context(_averaging(statistic))
        for _ in range(BATCHES):
            network(draw())


@contextlib.contextmanager
def _averaging(statistic: RunningStatistic) -> Iterator[None]:
    """A context in which a statistic becomes the plain average over all tensors that pass through it.

    The momentum is set before each tensor: ``momentum=None`` means a plain average to Batch Norm, but no change at all
    to Instance Norm.
    """
    momentum, counted = statistic.momentum, itertools.count(1)

    def weigh(module: RunningStatistic, _: object) -> None:
        count = next(counted)
        if count == 1:
            _forget(module)
        module.momentum = 1 / count

    handle = statistic.register_forward_pre_hook(weigh)
    try:
        yield
    finally:
        handle.remove()
        statistic.momentum = momentum


def _forget(statistic: RunningStatistic) -> None:
    """Reset a statistic: a weight of 1 for the first batch does not replace a value that is not finite."""
    if isinstance(statistic, ImageStatistic):
        statistic.mean.fill_(1.0)
    else:
        statistic.reset_running_stats()


@contextlib.contextmanager
def modes_kept(network: nn.Module) -> Iterator[None]:
    """A context that restores which modules train afterwards."""
    modes = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training
