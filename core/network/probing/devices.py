"""Where a network is made and run: on the CPU, or without values where only shapes are asked for."""

import contextlib
import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from qnas.core.network.probing.seeds import generators_kept


@contextlib.contextmanager
def made_on_cpu() -> Iterator[None]:
    """Where networks are made with values, whatever the device is: many constructors compute with them.

    The random numbers that are drawn inside are given back: looking at a network changes no run.
    """
    with generators_kept(), torch.device("cpu"):
        yield


def is_without_values() -> bool:
    """Whether what is made here has shapes alone."""
    return torch.empty(0).is_meta


@contextlib.contextmanager
def blank_image(network: nn.Module, channels: int, size: tuple[int, int]) -> Iterator[Tensor]:
    """A gray image of (1, channels, *size) where ``network`` is; so is what the network makes on its way."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    with next((tensor.device for tensor in tensors), torch.empty(0).device):
        yield torch.full((1, channels, *size), 0.5)
