"""Statistics of a tensor in the shape of its steps: one for the whole tensor, or one for each output channel."""

import math
from typing import TypedDict

import torch
from torch import Tensor


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
    return result


def deviation(tensor: Tensor, step: Tensor, *, signed: bool) -> Tensor:
    """The standard deviation of the normal distribution that ``tensor`` comes from, if its mean is zero.

    Args:
        tensor: As for :func:`over`.
        step: As for :func:`over`.
        signed: False after a ReLU, where only the positive values count: these are half-normal.
    """
    squares = tensor.float().square()
    if signed:
        return squares.mean(**over(tensor, step)).sqrt()
    return (squares.sum(**over(tensor, step)) / tensor.count_nonzero().clamp_min(1)).sqrt()
