"""Recognizing the calls of PyTorch functions whose result depends on the whole image."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from qnas.core.components import Moments
from qnas.core.upscale.interpolation import Interpolation
from qnas.core.upscale.whole_image import Reduction, Resize, WholeImageCall

Sums = Literal["whole", "tile"]
SUMS: Final[tuple[Sums, ...]] = ("whole", "tile")
_SPATIAL = {2, 3}


class Recognition:
    """Recognizes the calls of one forward pass, including pairs of calls for one direction after the other.

    Args:
        sums: Whether a sum in a tile is that of the whole image, or the tile's share of it by size, which a network
            needs that divides sums by the number of pixels.
    """

    def __init__(self, sums: Sums) -> None:
        self._sums = sums
        self._half: tuple[Tensor, Tensor] | None = None  # a sum or mean along one direction, and its input

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> WholeImageCall | None:
        """The call, see :func:`recognized`."""
        if self._half is not None and args and args[0] is self._half[0] and func in _HALVES:
            rest = dict(zip(("dim", "keepdim"), args[1:], strict=False)) | dict(kwargs)
            if _dims(rest.pop("dim", None)) == {_other(self._half[0])}:
                return recognized(func, (self._half[1],), {**rest, "dim": (2, 3)}, self._sums)
        return recognized(func, args, kwargs, self._sums)

    def note(self, func: Callable[..., Any], args: tuple[Any, ...], result: Any) -> None:
        """Note the result of a call that was not recognized."""
        if func in _HALVES and args and args[0].dim() == 4 and result.dim() == 4 and 1 in result.shape[2:]:
            self._half = (result, args[0])


def _dims(dim: Any) -> set[int]:
    given = dim if isinstance(dim, tuple | list) else [] if dim is None else [dim]
    return {d % 4 for d in given} or {*range(4)}


def _other(half: Tensor) -> int:
    """The direction that is not reduced yet."""
    return 2 if half.shape[3] == 1 else 3


def recognized(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], sums: Sums = "whole"
) -> WholeImageCall | None:
    """The call, if its result depends on the whole image in a known way; otherwise None.

    Args:
        func: The PyTorch function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        sums: See :class:`Recognition`.
    """
    recognize = _RECOGNIZERS.get(func)
    features = args[0] if args else kwargs.get("input")
    if recognize is None or not isinstance(features, Tensor) or features.dim() != 4 or len(features) != 1:
        return None
    if features.shape[2:] == (1, 1):  # reduced already
        return None
    more = {"sums": sums} if recognize in {_sum, _norm, _vector_norm} else {}
    found: WholeImageCall | None = recognize(*args, **more, **kwargs)
    return found


def _over(
    features: Tensor, dim: Any, keepdim: bool, finish: Callable[[Moments], Tensor | tuple[Tensor, ...]]
) -> Reduction | None:
    """A reduction over both directions of the image, with or without channels; None for other dimensions."""
    dims = _dims(dim)
    if not dims >= _SPATIAL:
        return None

    def shaped(moments: Moments) -> Tensor | tuple[Tensor, ...]:
        result = finish(moments.over_channels() if 1 in dims else moments)
        if keepdim:
            return result
        gone = tuple(sorted(dims))
        return tuple(part.squeeze(gone) for part in result) if isinstance(result, tuple) else result.squeeze(gone)

    return Reduction(features, shaped)


def _mean(input: Tensor, dim: Any = None, keepdim: bool = False, **_: Any) -> Reduction | None:
    return _over(input, dim, keepdim, lambda moments: moments.mean)


def _sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, sums: Sums, **_: Any) -> Reduction | None:
    return _over(input, dim, keepdim, lambda moments: moments.mean * _count(moments, input, sums))


def _count(moments: Moments, features: Tensor, sums: Sums) -> float:
    """The number of values in a sum."""
    channels = features.shape[1] // moments.mean.shape[1]
    return moments.number if sums == "whole" else features.shape[2] * features.shape[3] * channels


def _largest(input: Tensor, dim: Any = None, keepdim: bool = False) -> Reduction | None:
    return _over(input, dim, keepdim, lambda moments: moments.largest)


def _smallest(input: Tensor, dim: Any = None, keepdim: bool = False) -> Reduction | None:
    return _over(input, dim, keepdim, lambda moments: moments.smallest)


def _max(input: Tensor, *others: Any, **more: Any) -> Reduction | None:
    return None if others or more else _largest(input)


def _min(input: Tensor, *others: Any, **more: Any) -> Reduction | None:
    return None if others or more else _smallest(input)


def _spread(finish: Callable[[Tensor, Tensor], Any]) -> Callable[..., Reduction | None]:
    """The recognizer of a function of the variance and the mean."""

    def recognize(
        input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = 1
    ) -> Reduction | None:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        less = correction if unbiased is None else int(unbiased)

        def finished(moments: Moments) -> Any:
            variance = moments.variance * moments.number / max(moments.number - less, 0)
            return finish(variance, moments.mean)

        return _over(input, dim, keepdim, finished)

    return recognize


def _norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, sums: Sums, **_: Any) -> Any:
    return _vector_norm(input, 2 if p == "fro" else p, dim, keepdim, sums=sums)


def _vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, sums: Sums, **_: Any) -> Any:
    if ord != 2:
        return None
    return _over(x, dim, keepdim, lambda moments: (moments.square * _count(moments, x, sums)).sqrt())


def _adaptive_average(input: Tensor, output_size: Any) -> Reduction | None:
    return _mean(input, (2, 3), keepdim=True) if _is_one(output_size) else None


def _adaptive_maximum(input: Tensor, output_size: Any, return_indices: bool = False) -> Reduction | None:
    return _largest(input, (2, 3), keepdim=True) if _is_one(output_size) and not return_indices else None


def _is_one(size: Any) -> bool:
    return size == 1 or (not isinstance(size, int) and tuple(size) == (1, 1))


def _average(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *_: Any, **more: Any) -> Any:
    del stride
    is_whole = _is_all_of(input, kernel_size, padding) and not any(more.values())
    return _mean(input, (2, 3), keepdim=True) if is_whole else None


def _maximum(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *_: Any, **more: Any) -> Any:
    del stride
    is_whole = _is_all_of(input, kernel_size, padding) and not any(more.values())
    return _largest(input, (2, 3), keepdim=True) if is_whole else None


def _is_all_of(features: Tensor, kernel_size: Any, padding: Any) -> bool:
    kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    return kernel == tuple(features.shape[2:]) and padding in (0, (0, 0))


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Reduction | None:
    del running_mean, running_var, momentum
    return _normalized(input, 0, weight, bias, eps) if use_input_stats else None


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Reduction | None:
    del running_mean, running_var, momentum
    return _normalized(input, 0, weight, bias, eps) if training else None


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Reduction:
    return _normalized(input, num_groups, weight, bias, eps)


def _normalized(features: Tensor, groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Reduction:
    """Features normalized by mean and deviation of each channel, or of groups of channels."""

    def finish(moments: Moments) -> Tensor:
        of = moments.over_channels(groups) if groups else moments
        repeats = features.shape[1] // of.mean.shape[1]
        mean, variance = (m.flatten().repeat_interleave(repeats).to(features) for m in (of.mean, of.variance))
        return F.batch_norm(features, mean, variance, weight, bias, training=False, eps=eps)

    return Reduction(features, finish)


def _interpolate(*args: Any, **kwargs: Any) -> Resize | None:
    call = Interpolation(*args, **kwargs)
    if call.size is None or call.scale_factor is not None:
        return None
    height, width = (call.size, call.size) if isinstance(call.size, int) else map(int, call.size)

    def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
        return call._replace(input=image, size=size, recompute_scale_factor=None).compute()

    return Resize(call.input, (height, width), resize)


_deviation = _spread(lambda variance, _: variance.sqrt())
_variance = _spread(lambda variance, _: variance)
_deviation_and_mean = _spread(lambda variance, mean: (variance.sqrt(), mean))
_variance_and_mean = _spread(lambda variance, mean: (variance, mean))

_RECOGNIZERS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.mean: _mean,
    Tensor.mean: _mean,
    torch.sum: _sum,
    Tensor.sum: _sum,
    torch.amax: _largest,
    Tensor.amax: _largest,
    torch.amin: _smallest,
    Tensor.amin: _smallest,
    torch.max: _max,
    Tensor.max: _max,
    torch.min: _min,
    Tensor.min: _min,
    torch.std: _deviation,
    Tensor.std: _deviation,
    torch.var: _variance,
    Tensor.var: _variance,
    torch.std_mean: _deviation_and_mean,
    torch.var_mean: _variance_and_mean,
    torch.norm: _norm,
    Tensor.norm: _norm,
    torch.linalg.vector_norm: _vector_norm,
    F.adaptive_avg_pool2d: _adaptive_average,
    F.adaptive_max_pool2d: _adaptive_maximum,
    F.avg_pool2d: _average,
    F.max_pool2d: _maximum,
    F.instance_norm: _instance_norm,
    F.batch_norm: _batch_norm,
    F.group_norm: _group_norm,
    F.interpolate: _interpolate,
}
_HALVES = {torch.sum, Tensor.sum, torch.mean, Tensor.mean}
