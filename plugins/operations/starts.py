"""Closed forms of a convolution's kernel as two smaller ones, by singular values.

They are at the least squared error for white noise as input; real inputs are what the fit after them is for.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

Kernels = tuple[Tensor, Tensor]


def centred(kernel: Tensor, height: int, width: int) -> Tensor:
    """The kernel cropped, or padded with zeros, to (C_out, C_in, height, width) around its centre."""
    above, beside = (height - kernel.shape[2]) // 2, (width - kernel.shape[3]) // 2
    return F.pad(kernel, (beside, beside, above, above))


def separated(kernel: Tensor) -> Kernels:
    """A depthwise and a 1 x 1 kernel, by the first singular value of each input channel.

    Args:
        kernel: (C_out, C_in, K, K).
    """
    out_channels, in_channels, *size = kernel.shape
    left, values, right = torch.linalg.svd(kernel.transpose(0, 1).flatten(2), full_matrices=False)
    root = values[:, :1].sqrt()
    depthwise = (right[:, 0] * root).reshape(in_channels, 1, *size)
    return depthwise, (left[:, :, 0] * root).T.reshape(out_channels, in_channels, 1, 1)


def factorized(kernel: Tensor) -> Kernels:
    """A K x 1 and a 1 x K kernel with C_out channels between (Jaderberg et al. 2014, scheme 2).

    Args:
        kernel: (C_out, C_in, K, K).
    """
    out_channels, in_channels, height, width = kernel.shape
    first, second = _ranked(kernel.permute(1, 2, 0, 3).reshape(in_channels * height, -1), out_channels)
    vertical = first.T.reshape(out_channels, in_channels, height, 1)
    return vertical, second.reshape(out_channels, out_channels, width).transpose(0, 1).unsqueeze(2)


def around_relu(kernel: Tensor, middle: int, *, signed: bool) -> Kernels | tuple[()]:
    """Two kernels of the same size with a ReLU between, which is undone by pairs of opposite channels.

    ``relu(x) - relu(-x) = x``, so half of the middle carries what a linear middle of that half would. That is exact if
    it has room for every input channel or for every output channel; otherwise the kernel loses rank. An input that is
    never negative needs no pairs.

    Args:
        kernel: (C_out, C_in, K, K).
        middle: Channels between the two.
        signed: Whether the input can be negative.

    Returns:
        The kernels, or none if there is no room for a pair.
    """
    out_channels, in_channels, height, width = kernel.shape
    if not signed and middle >= in_channels:
        down, up = _delta(torch.eye(in_channels).to(kernel), height, width), kernel
        return _filled(down, middle), _padded(up, middle)
    half = middle // 2
    if not half:
        return ()
    if half >= in_channels:
        down, up = _delta(torch.eye(in_channels).to(kernel), height, width), kernel
    elif half >= out_channels:
        down, up = kernel, _delta(torch.eye(out_channels).to(kernel), height, width)
    else:
        left, right = _ranked(kernel.reshape(out_channels, -1), half)
        down, up = right.reshape(half, in_channels, height, width), _delta(left, height, width)
    return _filled(torch.cat([down, -down]), middle), _padded(torch.cat([up, -up], 1), middle)


def _ranked(matrix: Tensor, rank: int) -> Kernels:
    """Factors (rows, rank) and (rank, columns) whose product is closest to a matrix.

    Where the matrix has fewer ranks, the second factor ends in zeros and the first repeats, so that it can still learn.
    """
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    has = min(rank, len(values))
    root = values[:has].sqrt()
    first, second = left[:, :has] * root, root[:, None] * right[:has]
    return first[:, torch.arange(rank) % has], F.pad(second, (0, 0, 0, rank - has))


def _delta(matrix: Tensor, height: int, width: int) -> Tensor:
    """The kernel that applies a matrix (C_out, C_in) to each pixel."""
    return centred(matrix[:, :, None, None], height, width)


def _filled(kernel: Tensor, out_channels: int) -> Tensor:
    """The kernel with its output channels repeated to so many."""
    return kernel[torch.arange(out_channels) % len(kernel)]


def _padded(kernel: Tensor, in_channels: int) -> Tensor:
    """The kernel with input channels of zeros up to so many."""
    return F.pad(kernel, (0, 0, 0, 0, 0, in_channels - kernel.shape[1]))
