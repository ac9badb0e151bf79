"""The machine that computes: device and precision, and which of several processes this one is."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, TypeVar

import torch
from torch import Tensor, nn

from qnas.core.errors import InputError, from_field
from qnas.core.network.probing.layout import is_contiguous_only
from qnas.core.training.optimizer import clip_gradients

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Machine:
    """Where and how a loop computes. Loops ask it for all that depends on that.

    Attributes:
        device: Where tensors are.
        precision: Of convolutions in training.
        rank: The number of this process, from 0.
        world_size: How many processes train together.
    """

    device: torch.device
    precision: Precision = "float32"
    rank: int = 0
    world_size: int = 1

    @classmethod
    def choose(cls, device: Device, precision: Precision = "float32") -> Self:
        """The machine with the device of that name; ``auto`` takes the fastest that is there.

        Raises:
            InputError: There is no such device.
        """
        return cls(choose_device(device), precision)

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def place(self, network: N) -> N:
        """Move ``network`` to the device, see :func:`place`."""
        return place(network, self.device)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """A context in which convolutions run in the precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss`` to those of the parameters."""
        loss.backward()

    def clip(self, parameters: Iterable[nn.Parameter], largest: float) -> None:
        """Scale all gradients down so that their joint norm is at most ``largest``."""
        clip_gradients(parameters, largest)


def choose_device(name: Device) -> torch.device:
    """The device of that name; ``auto`` takes the fastest that is there.

    Raises:
        InputError: The machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    if not there[name]:
        valid = ", ".join(["auto", *(kind for kind, available in there.items() if available)])
        with from_field("device"):
            raise InputError(f"this machine has no {name} (it has: {valid})")
    return torch.device(name)


def place(network: N, device: torch.device) -> N:
    """Move ``network`` to ``device``, with kernels channels last in memory if it permits: that is fastest."""
    network.to(device)
    if not is_contiguous_only(network):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
