"""Statistics of a tensor in the shape of its steps: one for the whole tensor, or one for each output channel.

Where processes share a batch, those of activations are of the whole batch.
"""

import math
from typing import TypedDict

import torch
from torch import Tensor

from qnas.core.ranks import largest_of_batch, mean_of_batch


class Over(TypedDict):
    """Arguments of a reduction."""

    dim: tuple[int, ...]
    keepdim: bool


def over(tensor: Tensor, step: Tensor) -> Over:
    """The dimensions to reduce ``tensor`` over to get one value for each element of ``step``.

    Args:
        tensor: Any shape; (C_out, C_in / groups, k_h, k_w) where there is a step for each output channel.
        step: A scalar, or (C_out, 1, 1, 1).
    """
    if step.dim():
        return {"dim": (1, 2, 3), "keepdim": True}
    return {"dim": tuple(range(tensor.dim())), "keepdim": False}


def largest(tensor: Tensor, step: Tensor) -> Tensor:
    """The largest absolute value; arguments as for :func:`over`."""
    result: Tensor = torch.linalg.vector_norm(tensor, math.inf, **over(tensor, step))
    return result if step.dim() else largest_of_batch(result)


def deviation(tensor: Tensor, step: Tensor, *, signed: bool) -> Tensor:
    """The standard deviation of the normal distribution that ``tensor`` comes from, if its mean is zero.

    Args:
        tensor: As for :func:`over`.
        step: As for :func:`over`.
        signed: False after a ReLU, where only the positive values count: these are half-normal.
    """
    squares = tensor.float().square()
    if signed:
        return _mean(squares.mean(**over(tensor, step)), step).sqrt()
    positive = _mean(tensor.count_nonzero().float(), step).clamp_min(1)
    return (_mean(squares.sum(**over(tensor, step)), step) / positive).sqrt()


def _mean(of_share: Tensor, step: Tensor) -> Tensor:
    """The mean over the shares of a batch; weights are the same for all of them."""
    return of_share if step.dim() else mean_of_batch(of_share)
