"""What common operations make of tensors without values, whose shapes are all there is to compute.

PyTorch computes these shapes in Python, by modules of its compiler: to import them takes half as long as to import all
of PyTorch, and each shape some 100 microseconds. What has no rule here, or is not as a rule has it, PyTorch computes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Rule = Callable[..., Any]
aten = torch.ops.aten


class Uncompiled(TorchDispatchMode):
    """A mode that is nothing to PyTorch's compiler: for others PyTorch imports it, to keep it away from them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class QuickShapes(Uncompiled):
    """A context in which tensors without values are computed by the rules."""

    def __torch_dispatch__(
        self, operator: Any, _: Any, arguments: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        rule = RULES.get(operator)
        named = named or {}
        result = rule(*arguments, **named) if rule and _is_plain(arguments) else None
        return operator(*arguments, **named) if result is None else result


def _is_plain(arguments: Sequence[Any]) -> bool:
    """Whether all tensors are without values, of the usual type, and lie in memory as their dimensions stand."""
    return all(
        argument.is_meta and argument.dtype == torch.float32 and argument.is_contiguous()
        for argument in arguments
        if isinstance(argument, Tensor)
    )


def _elementwise(*arguments: Any, **_: Any) -> Tensor | None:
    shapes = [argument.shape for argument in arguments if isinstance(argument, Tensor)]
    if any(isinstance(argument, complex) for argument in arguments):
        return None
    try:
        return _empty(np.broadcast_shapes(*shapes))
    except ValueError:
        return None


def _convolution(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    is_transposed: bool,
    _: Sequence[int],
    groups: int,
) -> Tensor | None:
    images, channels, *size = features.shape
    out_channels, in_channels, *kernel = weight.shape
    fits = channels == in_channels * groups and out_channels % groups == 0
    if is_transposed or not fits or not len(size) == len(kernel) == len(stride) == len(padding) == len(dilation) == 2:
        return None
    if bias is not None and bias.shape != (out_channels,):
        return None
    ways = zip(size, kernel, stride, padding, dilation, strict=True)
    out = [(length + 2 * p - d * (k - 1) - 1) // s + 1 for length, k, s, p, d in ways]
    return _empty((images, out_channels, *out)) if min(images, *out) > 0 else None


def _pixel_shuffle(features: Tensor, factor: int) -> Tensor | None:
    *images, channels, height, width = features.shape
    if channels % factor**2:
        return None
    return _empty((*images, channels // factor**2, height * factor, width * factor))


def _interpolated(features: Tensor, size: Sequence[int], *_: Any) -> Tensor | None:
    return _empty((*features.shape[:2], *size)) if features.numel() and min(size) > 0 else None


def _concatenated(parts: Sequence[Tensor], dim: int = 0) -> Tensor | None:
    first, *others = parts
    if not _is_plain(parts) or not first.dim():
        return None
    shape, place = list(first.shape), dim % first.dim()
    for other in others:
        if other.dim() != len(shape):
            return None
        shape[place] += other.shape[place]
        if any(a != b for way, (a, b) in enumerate(zip(shape, other.shape, strict=True)) if way != place):
            return None
    return _empty(shape)


def _batch_norm(features: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor] | None:
    *_, is_training, _, _ = arguments
    return None if is_training else (_empty(features.shape), _empty((0,)), _empty((0,)))


def _mean(
    features: Tensor, dims: Sequence[int] | None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor | None:
    places = range(-features.dim(), features.dim())
    if dtype not in {None, torch.float32} or not dims or not features.numel() or not all(dim in places for dim in dims):
        return None
    reduced = {dim % features.dim() for dim in dims}
    shape = [1 if dim in reduced else length for dim, length in enumerate(features.shape)]
    return _empty(shape if keepdim else [length for dim, length in enumerate(shape) if dim not in reduced])


def _norm(features: Tensor, _: float, dims: Sequence[int] | None = None, keepdim: bool = False) -> Tensor | None:
    return _mean(features, dims, keepdim)


def _empty(shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=torch.float32, device="meta")


RULES: Mapping[Any, Rule] = {
    **dict.fromkeys(
        (
            aten.add.Tensor,
            aten.sub.Tensor,
            aten.mul.Tensor,
            aten.div.Tensor,
            aten.addcmul.default,
            aten.relu.default,
            aten.leaky_relu.default,
            aten._prelu_kernel.default,
            aten.sigmoid.default,
            aten.tanh.default,
            aten.exp.default,
            aten.sqrt.default,
            aten.clamp.default,
            aten.clamp_min.default,
            aten.pow.Tensor_Scalar,
        ),
        _elementwise,
    ),
    **dict.fromkeys(
        (
            aten.upsample_bicubic2d.default,
            aten.upsample_bilinear2d.default,
            aten.upsample_nearest2d.default,
            aten._upsample_bicubic2d_aa.default,
        ),
        _interpolated,
    ),
    aten.convolution.default: _convolution,
    aten.mean.dim: _mean,
    aten.linalg_vector_norm.default: _norm,
    aten.native_batch_norm.default: _batch_norm,
    aten.cat.default: _concatenated,
    aten.pixel_shuffle.default: _pixel_shuffle,
}
