"""The machine that computes: its device and precision, and which of several processes this one is."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import torch
from torch import Tensor, nn

from qnas.core.errors import InputError, from_field
from qnas.core.images.patches import Batch
from qnas.core.network.probing.layout import is_contiguous_only
from qnas.core.ranks import local_rank, sharing_batches, sum_over_ranks, world
from qnas.core.training.optimizer import clip_gradients
from qnas.core.training.together.batch_norm import BatchNormOverRanks

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
        world_size: How many processes train together, each on its share of every batch.
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
        chosen = choose_device(device)
        if chosen.type == "cuda" and world().size > 1:
            chosen = _own_gpu()
        return cls(chosen, precision, *world())

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

    @contextlib.contextmanager
    def sharing(self, batch: Batch) -> Iterator[Batch]:
        """A context for a forward pass and its loss: gives this process's share of a batch.

        Where a network measures something in a batch, as Batch Norm does, it measures it over all shares.

        Raises:
            InputError: The processes can't have equal shares.
        """
        if self.world_size == 1:
            yield batch
            return
        size, left = divmod(len(batch.lr), self.world_size)
        if left:
            raise unequal_shares(len(batch.lr), self.world_size)
        own = slice(self.rank * size, (self.rank + 1) * size)
        with sharing_batches(), BatchNormOverRanks():
            yield Batch(batch.lr[own], batch.hr[own])

    def mean(self, value: Tensor) -> Tensor:
        """The mean of ``value``, a scalar, over the shares of a batch.

        Its gradient in each process is that of the own value: :meth:`average` makes that of the mean of them.
        """
        if self.world_size == 1:
            return value
        result: Tensor = _Mean.apply(value)  # type: ignore[no-untyped-call]
        return result

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``, a scalar, to the ``grad`` of every parameter that it depends on.

        They are this process's; before a step on them, :meth:`average` them.
        """
        loss.backward()

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor, ...]:
        """The gradients of ``loss``, a scalar, with respect to ``parameters`` alone, averaged over the processes.

        No ``grad`` is changed.

        Raises:
            RuntimeError: The loss does not depend on one of them.
        """
        gradients = torch.autograd.grad(loss, parameters)
        self._average(gradients)
        return gradients

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients of ``parameters`` over the processes."""
        self._average([parameter.grad for parameter in parameters if parameter.grad is not None])

    def _average(self, tensors: Sequence[Tensor]) -> None:
        if self.world_size == 1 or not tensors:
            return
        means = sum_over_ranks(torch.cat([tensor.reshape(-1) for tensor in tensors])).div_(self.world_size)
        for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def clip(self, parameters: Iterable[nn.Parameter], largest: float) -> None:
        """Scale the gradients of ``parameters`` down so that their joint L2 norm is at most ``largest``."""
        clip_gradients(parameters, largest)


def _own_gpu() -> torch.device:
    """The GPU of this process.

    Raises:
        InputError: The machine has fewer of them than processes.
    """
    if local_rank() >= torch.cuda.device_count():
        with from_field("device"):
            there = torch.cuda.device_count()
            raise InputError(
                f"each process needs a GPU of its own, and this machine has {there}: start {there}, or use cpu"
            )
    return torch.device("cuda", local_rank())


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return sum_over_ranks(value).div_(world().size)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient


def unequal_shares(patches: int, processes: int) -> InputError:
    """What to say of a batch that the processes can't share."""
    near = [number for number in (patches // processes * processes, -(-patches // processes) * processes) if number]
    valid = " or ".join(map(str, near))
    return InputError(f"{processes} processes can't have equal shares of a batch of {patches} patches: take {valid}")


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
