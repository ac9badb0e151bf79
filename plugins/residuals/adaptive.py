"""Residual connections that restore the deviation that Batch Norm removes: AdaDM and ADQ."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from qnas.core.components import ImageStatistic, Moments, Residual
from qnas.core.network import Joint

_EPSILON = 1e-8  # for a flat image, whose deviation is zero: keeps the logarithm and the gradient of the root finite


def deviation(features: Tensor) -> Tensor:
    """Standard deviation over (C, H, W), one value per image: (N, 1, 1, 1)."""
    result: Tensor = _Deviation.apply(features)  # type: ignore[no-untyped-call]
    return result


class _Deviation(torch.autograd.Function):
    """The deviation, with the gradient ``(x - mean) / (n s)`` in fewer passes than autograd would take."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        precision = torch.promote_types(features.dtype, torch.float32)
        mean = features.mean(dim=(1, 2, 3), keepdim=True, dtype=precision)
        norm = torch.linalg.vector_norm(features - mean, dim=(1, 2, 3), keepdim=True)  # a tenth of the time of var
        result: Tensor = (norm.square() / features[0].numel() + _EPSILON).sqrt()
        ctx.save_for_backward(features, mean, result)
        return result.to(features.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        features, mean, result = ctx.saved_tensors
        share = gradient / (result * features[0].numel())
        by_feature: Tensor = (features - mean).mul_(share)
        return by_feature.to(features.dtype)


class ADQResidual(Residual):
    """y = (a s + c) F(BN(x)) + x, where s is the standard deviation of x (QuantNAS, arXiv 2208.14839).

    It leaves out AdaDM's logarithm and exponential, which amplify quantization errors. a and c are learned; c starts
    at 0.

    Note:
        In few steps, a and c hardly move at the learning rate of the weights, which is the published one. A separate
        rate (``scalar_learning_rate``) makes them move; that deviates from the publication.

    Attributes:
        slope: Initial value of a.
    """

    slope: float = 1.5

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        return ADQ(body, channels, self.slope)


class AdaDMResidual(Residual):
    """y = exp(a log s + c) F(BN(x)) + x, where s is the standard deviation of x (Liu et al. 2021, AdaDM).

    a and c are learned; c starts at 0.

    Attributes:
        slope: Initial value of a; the authors' code has 1.
    """

    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {1: {"slope": 1.5}}

    slope: float = 1.0

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        return AdaDM(body, channels, self.slope)


class Deviation(ImageStatistic):
    """The standard deviation of an image's features, (N, 1, 1, 1)."""

    def __init__(self) -> None:
        super().__init__(1, 1, 1)

    def measure(self, features: Tensor) -> Tensor:
        """See :func:`deviation`."""
        return deviation(features)

    def of_moments(self, moments: Moments) -> Tensor:
        """See :meth:`qnas.ImageStatistic.of_moments`."""
        return (moments.over_channels().variance + _EPSILON).sqrt()


class ADQ(nn.Module):
    """``(a s + c) body(BN(x)) + x``."""

    def __init__(self, body: nn.Module, channels: int, slope: float) -> None:
        super().__init__()
        self.body = body
        self.norm = nn.BatchNorm2d(channels)
        self.deviation = Deviation()
        self.slope = nn.Parameter(torch.tensor(slope))
        self.offset = nn.Parameter(torch.tensor(0.0))
        self.joint = Joint()

    def gain(self, features: Tensor) -> Tensor:
        """The factor for the body's output, (N, 1, 1, 1)."""
        gain: Tensor = self.slope * self.deviation(features) + self.offset
        return gain

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        body = self.body(self.norm(features))
        result: Tensor = self.joint(torch.addcmul(features, self.gain(features).to(body.dtype), body))
        return result


class AdaDM(ADQ):
    """``exp(a log s + c) body(BN(x)) + x``."""

    def gain(self, features: Tensor) -> Tensor:
        """The factor for the body's output, (N, 1, 1, 1)."""
        exponent: Tensor = self.slope * self.deviation(features).log() + self.offset
        return exponent.exp()
