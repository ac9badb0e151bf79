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
    mean, variance = _moments(exact.detach(), running_mean)
    if running_mean is not None and running_var is not None:
        number = features.numel() / len(mean) * world().size
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_(variance.to(running_var) * (number / (number - 1)), momentum)
    result: Tensor = _Normalised.apply(exact, mean, variance, weight, bias, eps)  # type: ignore[no-untyped-call]
    return result.to(features.dtype)


def _moments(features: Tensor, near: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean and the variance over all shares, in one exchange: that within the shares, and that of their means.

    Args:
        features: Of this share.
        near: About the mean, the same in all processes: what is squared is small then.
    """
    variances, means = torch.var_mean(features, _but_channels(features), correction=0)
    shift = torch.zeros_like(means) if near is None else near.detach().to(means, copy=True)
    apart = means - shift
    within, mean, squares = mean_of_batch(torch.stack([variances, apart, apart.square()])).unbind()
    return mean + shift, within + (squares - mean.square()).clamp_min(0)


def _but_channels(features: Tensor) -> list[int]:
    return [0, *range(2, features.dim())]


class _Normalised(torch.autograd.Function):
    """Features normalised by the moments of the whole batch, which depend on the features of all shares.

    With x' the normalised features, g the gradient of the losses of all shares, and means over the whole batch:

        dL/dx = weight / deviation (g - mean(g) - x' mean(g x'))
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(features, mean, variance, weight)
        ctx.eps = eps
        return F.batch_norm(features, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, mean, variance, weight = ctx.saved_tensors
        of_own, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, features, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        number = features.numel() / len(mean)
        mean_gradient, mean_product = sum_over_ranks(torch.stack([by_bias, by_weight]) / number).div(world().size)
        scale = (variance + ctx.eps).rsqrt()
        gain = scale if weight is None else scale * weight
        slope = gain * scale * mean_product
        shape = [1, -1, *[1] * (features.dim() - 2)]
        constant = gain * mean_gradient - slope * mean
        of_batch = of_own.sub_(constant.view(shape)).addcmul_(features, slope.view(shape), value=-1)
        own = zip((by_weight, by_bias), ctx.needs_input_grad[3:5], strict=True)
        return of_batch, None, None, *(value if is_wanted else None for value, is_wanted in own), None
