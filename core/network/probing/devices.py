"""Where a network is made and run: on the CPU, or without values if only shapes are needed."""

import contextlib
import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from qnas.core.network.probing.quick_shapes import QuickShapes
from qnas.core.network.probing.seeds import generators_kept


@contextlib.contextmanager
def made_on_cpu() -> Iterator[None]:
    """A context in which networks are made with values, whatever the device: many constructors compute with them.

    The generators of random numbers are restored: examining a network changes no run.
    """
    with generators_kept(), torch.device("cpu"):
        yield


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Where tensors have shapes alone."""
    with torch.device("meta"), QuickShapes():
        yield


def is_without_values() -> bool:
    """Whether tensors made here have only shapes."""
    return torch.empty(0).is_meta


@contextlib.contextmanager
def blank_image(network: nn.Module, channels: int, size: tuple[int, int]) -> Iterator[Tensor]:
    """A gray image of (1, channels, *size) on the device of ``network``, where new tensors are made too."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    with next((tensor.device for tensor in tensors), torch.empty(0).device):
        yield torch.full((1, channels, *size), 0.5)
