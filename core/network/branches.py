"""Reparameterised training: a convolution's kernel as the sum of those of branches, which are trained in its place.

A convolution is linear in its kernel, so branches that read one input and are added up are one convolution, with the
sum of their kernels and biases. Only this sum is computed in a step: branches cost kernels, not images, and what is
quantized is the kernel that runs.

A branch of several layers has no nonlinearity and no bias between them: its kernel is their product, exactly, at the
border too, because the input alone is padded. ECBSR (Zhang et al. 2021) and SPAN (Wan et al. 2024) do have biases
between, and see to it that these stand around the image as well: ECBSR pads with them, SPAN pads only the input. So
theirs are constants of the output, which the branch's own bias can be too. Around an image padded with zeros between
the layers, no single convolution would give the border.
"""

import contextlib
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.core.components import ConvShape, expand

_GAIN = 2
"""How much wider the layers inside a branch are, in ECBSR and in SPAN."""
_EDGE_SCALE = 1e-3
"""The standard deviation of the factors of edge filters at the start, as in ECBSR."""

_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


class KernelBranch(nn.Module):
    """One branch of a convolution, as its kernel."""

    has_bias = True

    @abstractmethod
    def kernel(self) -> Tensor:
        """The kernel that the branch is equal to: (C_out, C_in / groups, k_h, k_w), 1 x 1 or 3 x 3."""


class Pointwise(KernelBranch):
    """A 1 x 1 convolution."""

    def __init__(self, shape: ConvShape) -> None:
        super().__init__()
        self.weight = _weight(shape.out_channels, shape.in_channels // shape.groups, 1)

    def kernel(self) -> Tensor:
        """See :meth:`KernelBranch.kernel`."""
        return self.weight


class Passing(KernelBranch):
    """The identity, each channel times a learned factor, which starts at 1 (Ding et al. 2021, RepVGG, without BN)."""

    has_bias = False

    def __init__(self, shape: ConvShape) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(shape.out_channels, 1, 1, 1))
        eye = torch.eye(shape.in_channels // shape.groups).repeat(shape.groups, 1)
        self.register_buffer("eye", eye[..., None, None], persistent=False)
        self.eye: Tensor

    def kernel(self) -> Tensor:
        """See :meth:`KernelBranch.kernel`."""
        return self.factors * self.eye


class Chain(KernelBranch):
    """Wider inside: a 1 x 1 convolution, a 3 x 3 one, and, with ``shrink``, another 1 x 1 one."""

    def __init__(self, shape: ConvShape, *, shrink: bool) -> None:
        super().__init__()
        groups, out = shape.groups, shape.out_channels
        self.groups = groups
        # Without a layer that shrinks, it is as wide inside as ECBSR's, a multiple of the output.
        inside = _GAIN * (shape.in_channels if shrink else out)
        behind = _GAIN * out if shrink else out
        self.expand = _weight(inside, shape.in_channels // groups, 1)
        self.convolve = _weight(behind, inside // groups, 3)
        self.shrink = _weight(out, behind // groups, 1) if shrink else None

    def kernel(self) -> Tensor:
        """See :meth:`KernelBranch.kernel`."""
        first, second = self._grouped(self.expand)[..., 0, 0], self._grouped(self.convolve)
        product: Tensor = torch.einsum("gnmhw,gmi->gnihw", second, first)
        if self.shrink is not None:
            product = torch.einsum("gon,gnihw->goihw", self._grouped(self.shrink)[..., 0, 0], product)
        return product.flatten(0, 1)

    def _grouped(self, weight: Tensor) -> Tensor:
        """(C_out, C_in / groups, k, k) as (groups, C_out / groups, C_in / groups, k, k)."""
        grouped: Tensor = weight.unflatten(0, (self.groups, -1))
        return grouped


class Edges(KernelBranch):
    """A 1 x 1 convolution, then an edge filter on each channel, times a learned factor (Zhang et al. 2021, ECBSR)."""

    def __init__(self, shape: ConvShape, mask: Tensor) -> None:
        super().__init__()
        self.weight = _weight(shape.out_channels, shape.in_channels // shape.groups, 1)
        self.factors = nn.Parameter(torch.randn(shape.out_channels, 1, 1, 1) * _EDGE_SCALE)
        self.register_buffer("mask", mask, persistent=False)
        self.mask: Tensor

    def kernel(self) -> Tensor:
        """See :meth:`KernelBranch.kernel`."""
        return self.weight * (self.factors * self.mask)


_MAKERS: Mapping[str, Callable[[ConvShape], KernelBranch]] = {
    "conv1x1": Pointwise,
    "identity": Passing,
    "conv1x1-3x3": lambda shape: Chain(shape, shrink=False),
    "conv1x1-3x3-1x1": lambda shape: Chain(shape, shrink=True),
    "sobel-x": lambda shape: Edges(shape, torch.tensor(_SOBEL)),
    "sobel-y": lambda shape: Edges(shape, torch.tensor(_SOBEL).T.contiguous()),
    "laplacian": lambda shape: Edges(shape, torch.tensor(_LAPLACIAN)),
}


class BranchSum(nn.Module):
    """The branches of one convolution, added up.

    Attributes:
        biases: (branches that have one, C_out); they start at zero, as the convolution's own.
    """

    biases: nn.Parameter | None

    def __init__(self, shape: ConvShape) -> None:
        super().__init__()
        made = [(name, _MAKERS[name](shape)) for name in expand(shape.branches)]
        self.branches = nn.ModuleDict(dict(made))
        self.size = shape.kernel_size
        count = sum(branch.has_bias for _, branch in made) if shape.bias else 0
        self.biases = nn.Parameter(torch.zeros(count, shape.out_channels)) if count else None

    def kernel(self) -> Tensor:
        """The sum of their kernels, each in the middle of the convolution's: (C_out, C_in / groups, k_h, k_w)."""
        branches = cast("Iterable[KernelBranch]", self.branches.values())
        with _unrounded(next(self.parameters())):
            return torch.stack([self._centred(branch.kernel()) for branch in branches]).sum(0)

    def bias(self) -> Tensor | None:
        """The sum of their biases: (C_out,)."""
        return None if self.biases is None else self.biases.sum(0)

    def _centred(self, kernel: Tensor) -> Tensor:
        """A smaller kernel with zeros around."""
        rows, columns = ((whole - inner) // 2 for whole, inner in zip(self.size, kernel.shape[-2:], strict=True))
        return F.pad(kernel, (columns, columns, rows, rows))


def _weight(out_channels: int, in_channels: int, size: int) -> nn.Parameter:
    """Weights that start as PyTorch's convolutions do."""
    weight = nn.Parameter(torch.empty(out_channels, in_channels, size, size))
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
    return weight


def _unrounded(parameter: Tensor) -> contextlib.AbstractContextManager[object]:
    """A context in which autocast does not round products, of which kernels are made."""
    if parameter.is_meta:
        return contextlib.nullcontext()
    return torch.autocast(parameter.device.type, enabled=False)
