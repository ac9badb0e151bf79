"""Batch Norm over a batch that several processes share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from qnas.core.ranks import mean_of_batch, sum_over_ranks, world


class BatchNormOverRanks(TorchFunctionMode):
    """A context in which Batch Norm in training normalises by the whole batch, as one process would.

    ``torch.nn.SyncBatchNorm`` does so on GPUs only, and takes the place of the modules.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the function, or what stands for it."""
        return (_batch_norm if func is F.batch_norm else func)(*args, **(kwargs or {}))


def _batch_norm(
    features: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return F.batch_norm(features, running_mean, running_var, weight, bias, training, momentum, eps)
    exact = features.to(torch.promote_types(features.dtype, torch.float32))
    dims, shape = [0, *range(2, exact.dim())], [1, -1, *[1] * (exact.dim() - 2)]
    mean, variance = _moments(exact, dims, running_mean)
    moved = exact - mean.view(shape)
    if running_mean is not None and running_var is not None:
        number = features.numel() / len(mean) * world().size
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_(variance.to(running_var) * (number / (number - 1)), momentum)
    gain = (variance + eps).rsqrt() if weight is None else (variance + eps).rsqrt() * weight
    normalised = moved * gain.view(shape)
    return (normalised if bias is None else normalised + bias.view(shape)).to(features.dtype)


def _moments(features: Tensor, dims: list[int], near: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean and the variance over all shares, in one exchange: that within the shares, and that of their means.

    Args:
        features: Of this share.
        dims: To reduce.
        near: About the mean, the same in all processes: what is squared is small then.
    """
    variances, means = torch.var_mean(features, dims, correction=0)
    shift = torch.zeros_like(means) if near is None else near.detach().to(means, copy=True)
    apart = means - shift
    within, mean, squares = _mean(torch.stack([variances, apart, apart.square()])).unbind()
    return mean + shift, within + (squares - mean.square()).clamp_min(0)


def _mean(value: Tensor) -> Tensor:
    result: Tensor = _Mean.apply(value)  # type: ignore[no-untyped-call]
    return result


class _Mean(torch.autograd.Function):
    """The mean over all shares of a batch. The losses of all of them depend on it."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return mean_of_batch(value)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return sum_over_ranks(gradient) / world().size
