"""Residual connections that give back the deviation that Batch Norm takes away: AdaDM and ADQ."""

import torch
from torch import Tensor, nn

from qnas.core.components import ImageStatistic, Residual

_EPSILON = 1e-8  # a flat image has no deviation: keeps its logarithm and the gradient of its root finite
_START_SLOPE = 1.5


def deviation(features: Tensor) -> Tensor:
    """Standard deviation over (C, H, W), one value per image: (N, 1, 1, 1)."""
    centred = features.float() - features.float().mean(dim=(1, 2, 3), keepdim=True)
    norm = torch.linalg.vector_norm(centred, dim=(1, 2, 3), keepdim=True)  # takes a tenth of the time of var
    result: Tensor = (norm.square() / features[0].numel() + _EPSILON).sqrt()
    return result.to(features.dtype)


class ADQResidual(Residual):
    """y = (a s + c) F(BN(x)) + x, s the standard deviation of x (QuantNAS, arXiv 2208.14839).

    It leaves out AdaDM's logarithm and exponential, which amplify quantization error. a starts at 1.5, c at 0.
    """

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        return ADQ(body, channels)


class AdaDMResidual(Residual):
    """y = exp(a log s + c) F(BN(x)) + x, s the standard deviation of x (Liu et al. 2021, AdaDM)."""

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        return AdaDM(body, channels)


class Deviation(ImageStatistic):
    """The standard deviation of an image's features, (N, 1, 1, 1)."""

    def __init__(self) -> None:
        super().__init__(1, 1, 1)

    def measure(self, features: Tensor) -> Tensor:
        """See :func:`deviation`."""
        return deviation(features)


class ADQ(nn.Module):
    """``(a s + c) body(BN(x)) + x``."""

    def __init__(self, body: nn.Module, channels: int) -> None:
        super().__init__()
        self.body = body
        self.norm = nn.BatchNorm2d(channels)
        self.deviation = Deviation()
        self.slope = nn.Parameter(torch.tensor(_START_SLOPE))
        self.offset = nn.Parameter(torch.tensor(0.0))

    def gain(self, features: Tensor) -> Tensor:
        """What the body's output is multiplied by, (N, 1, 1, 1)."""
        gain: Tensor = self.slope * self.deviation(features) + self.offset
        return gain

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        body = self.body(self.norm(features))
        return torch.addcmul(features, self.gain(features).to(body.dtype), body)


class AdaDM(ADQ):
    """``exp(a log s + c) body(BN(x)) + x``."""

    def gain(self, features: Tensor) -> Tensor:
        """What the body's output is multiplied by, (N, 1, 1, 1)."""
        exponent: Tensor = self.slope * self.deviation(features).log() + self.offset
        return exponent.exp()
