"""Merging convolution kernels: many candidates of a slot become one kernel, exactly.

A convolution is linear in its kernel, so ``sum_o p_o conv(x, W_o) = conv(x, sum_o p_o embed(W_o))`` where
``embed`` pads a small kernel with zeros to the common size, spreads a dilated one, and writes a grouped one as
blocks on the diagonal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Placement:
    """Where one convolution's kernel lies in the merged one."""

    groups: int
    rows: slice
    columns: slice

    def view(self, merged: Tensor, common_groups: int) -> Tensor:
        """The part of ``merged`` (C_out, C_in / common_groups, K_h, K_w) that the kernel fills.

        Returns:
            A view of shape (common_groups, blocks, C_out / groups, C_in / groups, k_h, k_w).
        """
        out_channels, per_group, height, width = merged.shape
        g, m = common_groups, self.groups // common_groups
        blocks = merged.view(g, m, out_channels // (g * m), m, per_group // m, height, width)
        diagonal = blocks.diagonal(dim1=1, dim2=3).movedim(-1, 1)
        return diagonal[..., self.rows, self.columns]


class KernelMerger:
    """Merges the kernels of convolutions that share input, channels, stride and padding mode.

    Args:
        convolutions: "Same" convolutions with odd kernels.
    """

    def __init__(self, convolutions: Sequence[nn.Conv2d]) -> None:
        first = convolutions[0]
        spans = [_span(convolution) for convolution in convolutions]
        self.size = (max(s[0] for s in spans), max(s[1] for s in spans))
        # Groups that all share are kept: a slot of depthwise candidates costs one depthwise convolution.
        self.groups = math.gcd(*(convolution.groups for convolution in convolutions))
        self.shape = (first.out_channels, first.in_channels // self.groups, *self.size)
        self.stride = first.stride
        self.padding = (self.size[0] // 2, self.size[1] // 2)
        self.padding_mode = first.padding_mode
        placements = (
            Placement(
                c.groups,
                _place(self.size[0], span[0], c.dilation[0]),
                _place(self.size[1], span[1], c.dilation[1]),
            )
            for c, span in zip(convolutions, spans, strict=True)
        )
        whole = torch.empty(self.shape, device="meta")
        self._strides = [_strides(placement.view(whole, self.groups)) for placement in placements]

    def places(self, merged: Tensor) -> list[Tensor]:
        """The views of ``merged``, which is contiguous, that the kernels fill (see :meth:`Placement.view`)."""
        return [merged.as_strided(*strides) for strides in self._strides]

    def merge(self, kernels: Sequence[Tensor], shares: Tensor) -> Tensor:
        """The sum of the embedded kernels, each times its share: (C_out, C_in / groups, K_h, K_w)."""
        merged: Tensor = _Merge.apply(self, shares, *kernels)  # type: ignore[no-untyped-call]
        return merged

    def convolve(self, features: Tensor, merged: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution of (N, C_in, H, W) with a merged kernel."""
        padding = self.padding
        if self.padding_mode != "zeros":
            around = (padding[1], padding[1], padding[0], padding[0])
            features, padding = F.pad(features, around, mode=self.padding_mode), (0, 0)
        return F.conv2d(features, merged, bias, self.stride, padding, groups=self.groups)


def _strides(view: Tensor) -> tuple[torch.Size, tuple[int, ...], int]:
    """Arguments that make the same view of another tensor in one step."""
    return view.size(), view.stride(), int(view.storage_offset())


def _span(convolution: nn.Conv2d) -> tuple[int, int]:
    """Height and width that the kernel covers, gaps of its dilation included."""
    (k_h, k_w), (d_h, d_w) = convolution.kernel_size, convolution.dilation
    return d_h * (k_h - 1) + 1, d_w * (k_w - 1) + 1


def _place(size: int, span: int, dilation: int) -> slice:
    start = (size - span) // 2
    return slice(start, start + span, dilation)


class _Merge(torch.autograd.Function):
    """The weighted sum of embedded kernels; its gradient is read back from the places they were written to."""

    @staticmethod
    def forward(ctx: Any, merger: KernelMerger, shares: Tensor, *kernels: Tensor) -> Tensor:
        ctx.merger = merger
        ctx.save_for_backward(shares, *kernels)
        merged = kernels[0].new_zeros(merger.shape)
        for place, kernel, share in zip(merger.places(merged), kernels, shares.to(merged.dtype).unbind(), strict=True):
            place.addcmul_(kernel.view(place.shape), share)
        return merged

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        merger: KernelMerger = ctx.merger
        shares, *kernels = ctx.saved_tensors
        gradient = gradient.contiguous()
        read = [place.reshape(k.shape) for place, k in zip(merger.places(gradient), kernels, strict=True)]
        of_shares = None
        if ctx.needs_input_grad[1]:
            sums = [torch.dot(part.flatten(), kernel.flatten()) for part, kernel in zip(read, kernels, strict=True)]
            of_shares = torch.stack(sums).to(shares.dtype)
        of_kernels = (part * share for part, share in zip(read, shares.to(gradient.dtype).unbind(), strict=True))
        return None, of_shares, *of_kernels
