"""The processes that train one network together: each has a rank, and computes its share of every batch.

PyTorch connects them (``torch.distributed``). Without others, everything here leaves tensors as they are.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from qnas.core.errors import QnasError, first_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed import ReduceOp

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = datetime.timedelta(hours=12)  # the first process may be busy alone; one that has died is noticed at once


class World(NamedTuple):
    """The processes that train together.

    Attributes:
        rank: The number of this one, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0


_world = World()
_shares: ContextVar[World | None] = ContextVar("shares", default=None)


class LostProcessError(QnasError):
    """Another process of the run has ended before its time."""


def world() -> World:
    """The processes that train together."""
    return _world


@contextlib.contextmanager
def joined(device: str = "cpu") -> Iterator[World]:
    """A context in which this process belongs to those that ``torchrun`` has started with it, if it has.

    Args:
        device: The type of the device that they compute on; tensors on GPUs are exchanged by NCCL, others by Gloo.

    Raises:
        LostProcessError: The others don't answer.
    """
    global _world  # noqa: PLW0603
    started = environment()
    if started.size == 1 or _world.size > 1:
        yield _world
        return
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    with _reporting_loss():
        dist.init_process_group(backend, timeout=_PATIENCE)
    _world = started
    try:
        yield _world
    finally:
        _world = World()
        dist.destroy_process_group()


def environment() -> World:
    """The processes that this one was started with, by ``torchrun`` or something like it."""
    if not all(os.environ.get(name) for name in _VARIABLES):
        return World()
    return World(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def local_rank() -> int:
    """The number of this process on its machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextlib.contextmanager
def sharing_batches() -> Iterator[None]:
    """A context in which features are those of this process's share of a batch."""
    token = _shares.set(_world)
    try:
        yield
    finally:
        _shares.reset(token)


def shares() -> World:
    """Among how many processes the batch is shared whose features there are now, and which share this one has."""
    return _shares.get() or World()


def mean_of_batch(value: "Tensor") -> "Tensor":
    """The mean of a measurement over all shares of a batch.

    Where several processes train together, each sees its share of every batch. A quantizer or a residual that keeps
    what it measures in features, such as a running mean, passes it through here, so that it measures the whole batch.

    Args:
        value: What was measured in the features of this process, any shape; without a gradient.

    Returns:
        The same shape; with one process, ``value`` itself.
    """
    size = shares().size
    return value if size == 1 else sum_over_ranks(value) / size


def largest_of_batch(value: "Tensor") -> "Tensor":
    """The largest of a measurement in all shares of a batch, element by element; as :func:`mean_of_batch`.

    Args:
        value: What was measured in the features of this process, any shape; without a gradient.

    Returns:
        The same shape; with one process, ``value`` itself.
    """
    if shares().size == 1:
        return value
    import torch.distributed as dist

    return _reduced(value, dist.ReduceOp.MAX)


def sum_over_ranks(value: "Tensor") -> "Tensor":
    """The sum of the values that all processes have; it has no gradient."""
    if _world.size == 1:
        return value
    import torch.distributed as dist

    return _reduced(value, dist.ReduceOp.SUM)


def largest_over_ranks(number: int) -> int:
    """The largest of the numbers that the processes have."""
    if _world.size == 1:
        return number
    import torch
    import torch.distributed as dist

    return int(_reduced(torch.tensor(number), dist.ReduceOp.MAX))


def gathered(value: object) -> list[Any]:
    """What each process has, in the order of ranks."""
    if _world.size == 1:
        return [value]
    import torch.distributed as dist

    found: list[Any] = [None] * _world.size
    with _reporting_loss():
        dist.all_gather_object(found, value)
    return found


def from_main(value: object) -> Any:
    """What the first process has; the others' is ignored."""
    if _world.size == 1:
        return value
    import torch.distributed as dist

    box = [value]
    with _reporting_loss():
        dist.broadcast_object_list(box)
    return box[0]


def _reduced(value: "Tensor", operation: "ReduceOp.RedOpType") -> "Tensor":
    import torch.distributed as dist

    result = value.detach().clone()
    with _reporting_loss():
        dist.all_reduce(result, operation)
    return result


@contextlib.contextmanager
def _reporting_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(f"another process of this run is gone: {first_line(error)}") from error
