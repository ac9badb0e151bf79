"""Running statistics of a network, such as Batch Norm's: estimated anew, or kept as they are."""

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

    Those that are frozen or that keep none (``track_running_stats=False``) are left out.
    """
    return [module for module in network.modules() if _is_running(module)]


def _is_running(module: nn.Module) -> TypeGuard[RunningStatistic]:
    if isinstance(module, ImageStatistic):
        return not module.frozen
    return isinstance(module, _NormBase) and module.running_mean is not None


@contextlib.contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """A context in which the running statistics of ``network`` may move: afterwards they are what they were."""
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
    """Estimate every running statistic of ``network`` anew, as its average over 20 batches.

    All else is in evaluation mode meanwhile, as the network will run, so that nothing is drawn at random and no other
    state moves. Modes, momenta and random numbers are afterwards what they were. A statistic that does not move when
    the network is trained, because its author has frozen it, stays; so does one that nothing is sent through.

    Args:
        network: Its weights are not those that its statistics were measured with.
        draw: The next batch of LR images, (N, 3, H, W). Without a statistic none is drawn.
        begin: Called first, where there are statistics: what has to be set up before the network can run.
    """
    with _modes_kept(network), generators_kept():
        statistics = [statistic for statistic in running_statistics(network.train()) if statistic.training]
        network.eval()
        for statistic in statistics:
            statistic.training = True  # train() would reach what is inside of it, too
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
    """A context in which a statistic becomes the plain average over all that is sent through it.

    The momentum is set before each of them: ``momentum=None``, which means that to Batch Norm, means to Instance Norm
    that nothing moves.
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
    """Start anew: a weight of 1 for the first batch does not, where what stands there is no finite number."""
    if isinstance(statistic, ImageStatistic):
        statistic.mean.fill_(1.0)
    else:
        statistic.reset_running_stats()


@contextlib.contextmanager
def _modes_kept(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training
