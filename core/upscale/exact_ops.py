"""Arithmetic that gives a pixel the same value, to the bit, wherever it is in an image of any size."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from qnas.core.upscale.interpolation import REACH, Interpolation, interpolation_taps

Size = int | tuple[int, ...]


def exact_ops(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """A context in which whole images and their tiles are enlarged identically to the bit.

    This holds for networks of convolutions, activations, pooling, pixel shuffle and interpolation by whole factors, in
    float32 on a CPU where PyTorch has oneDNN. Elsewhere the context does nothing, and pixels may differ by rounding.

    Note:
        PyTorch chooses the kernel of a convolution by the size of the image, and kernels sum in different orders; here
        it is always oneDNN's, channels last. Vectorized functions such as the sigmoid approximate the last few values
        of a tensor differently. Interpolation computes its weights from coordinates in the image.
    """
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        return _ExactOps()
    return contextlib.nullcontext()


class _ExactOps(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        named, alike = dict(kwargs or {}), _ALIKE.get(func)
        given = args or ((named["input"],) if "input" in named else ())
        if alike is None or not given or "out" in named:
            return func(*args, **named)
        named.pop("input", None)
        result = alike(*given, **named)
        # A network that needs contiguous images gets them throughout.
        return result.contiguous() if given[0].is_contiguous() else result


def _convolve(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str) or image.dim() != 4 or image.dtype != torch.float32:
        return F.conv2d(image, weight, bias, stride, padding, dilation, groups)
    if image.shape[1] == 1:  # both layouts are the same for one channel, and oneDNN then chooses other kernels
        image, weight = (F.pad(tensor, (0, 0, 0, 0, 0, 1)) for tensor in (image, weight))
    image, weight = map(_channels_last, (image, weight))
    sizes = map(_pair, (padding, stride, dilation))
    result: Tensor = torch.ops.aten.mkldnn_convolution(image, weight, bias, *sizes, groups)
    return result


def _channels_last(tensor: Tensor) -> Tensor:
    """Channels last with exact strides: for a side of 1, PyTorch accepts any, but oneDNN chooses its kernel by them."""
    _, channels, height, width = tensor.shape
    strides = (channels * height * width, 1, channels * width, channels)
    return tensor if tensor.stride() == strides else tensor.new_empty_strided(tensor.shape, strides).copy_(tensor)


def _pair(size: Size) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _convolve_transposed(image: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """PyTorch's transposed convolution without oneDNN, which has no single kernel for all sizes."""
    before = torch.backends.mkldnn.set_flags(False)
    try:
        return F.conv_transpose2d(image.contiguous(), *args, **kwargs)
    finally:
        torch.backends.mkldnn.set_flags(*before)


def _sigmoid(tensor: Tensor) -> Tensor:
    return torch.exp(-tensor).add_(1).reciprocal_()


def _silu(tensor: Tensor, inplace: bool = False) -> Tensor:
    return tensor.mul_(_sigmoid(tensor)) if inplace else tensor * _sigmoid(tensor)


def _interpolate(*args: Any, **kwargs: Any) -> Tensor:
    call = Interpolation(*args, **kwargs)
    if call.factor is None or call.mode not in {"bilinear", "bicubic"}:
        return call.compute()
    image, taps = call.input, interpolation_taps(call.factor, call.mode, call.antialias)
    for _ in range(2):
        image = _enlarge_rows(image, taps, is_clamped=not call.antialias).transpose(2, 3)
    return image


def _enlarge_rows(image: Tensor, taps: tuple[tuple[float, ...], ...], *, is_clamped: bool) -> Tensor:
    """(N, C, H, W) to (N, C, H * phases, W)."""
    padded = F.pad(image, (0, 0, REACH, REACH), mode="replicate" if is_clamped else "constant")
    weight = F.pad(torch.ones(1, 1, image.shape[2], 1), (0, 0, REACH, REACH))
    phases = [_weighted(padded, weights) for weights in taps]
    if not is_clamped:  # ignore pixels beyond the edge
        phases = [phase / _weighted(weight, weights) for phase, weights in zip(phases, taps, strict=True)]
    return torch.stack(phases, dim=3).flatten(2, 3)


def _weighted(padded: Tensor, weights: tuple[float, ...]) -> Tensor:
    length = padded.shape[2] - 2 * REACH
    terms = [weight * padded[:, :, k : k + length] for k, weight in enumerate(weights) if weight]
    return functools.reduce(torch.add, terms)


_ALIKE: Mapping[Callable[..., Any], Callable[..., Tensor]] = {
    F.conv2d: _convolve,
    F.conv_transpose2d: _convolve_transposed,
    F.interpolate: _interpolate,
    F.silu: _silu,
    F.sigmoid: _sigmoid,
    torch.sigmoid: _sigmoid,
    Tensor.sigmoid: _sigmoid,
}
