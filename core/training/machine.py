"""The machine that computes: its device and precision, and which of several processes this one is."""

import contextlib
from collections.abc import Iterable, Sequence
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
    """Where and how a loop computes. Loops leave to it everything that depends on that.

    Attributes:
        device: Where tensors are.
        precision: Of convolutions in training; weights and losses are float32 in any case.
        rank: The number of this process, from 0 to ``world_size - 1``.
        world_size: How many processes train together; so far, always 1.
    """

    device: torch.device
    precision: Precision = "float32"
    rank: int = 0
    world_size: int = 1

    @classmethod
    def choose(cls, device: Device, precision: Precision = "float32") -> Self:
        """The machine with the device of that name; ``auto`` takes the fastest one available.

        Args:
            device: Its name.
            precision: Of convolutions in training.

        Raises:
            InputError: There is no such device.
        """
        return cls(choose_device(device), precision)

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def place(self, network: N) -> N:
        """Move ``network`` to the device, with its kernels channels last in memory if it permits that."""
        return place(network, self.device)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """A context for forward passes, in which convolutions run in the machine's precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``, a scalar, to the ``grad`` of every parameter that it depends on."""
        loss.backward()

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor, ...]:
        """The gradients of ``loss``, a scalar, with respect to ``parameters`` alone; no ``grad`` is changed.

        Raises:
            RuntimeError: The loss does not depend on one of them.
        """
        return torch.autograd.grad(loss, parameters)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of ``value`` over all processes; with a single one, the value itself."""
        return value

    def clip(self, parameters: Iterable[nn.Parameter], largest: float) -> None:
        """Scale the gradients of ``parameters`` down so that their joint L2 norm is at most ``largest``."""
        clip_gradients(parameters, largest)


def choose_device(name: Device) -> torch.device:
    """The device of that name; ``auto`` takes the fastest one available.

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
