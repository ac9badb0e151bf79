"""The plain residual connection with and without Batch Norm, and no residual connection."""

from torch import Tensor, nn

from qnas.core.components import Residual
from qnas.core.network import Joint


class PlainResidual(Residual):
    """y = F(x) + x (He et al. 2016)."""

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        del channels
        return Plain(body)


class BatchNormResidual(Residual):
    """y = F(BN(x)) + x. Its flaw, which ADQ and AdaDM repair: F sees unit deviation whatever the image's contrast."""

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        return Plain(nn.Sequential(nn.BatchNorm2d(channels), body))


class NoResidual(Residual):
    """y = F(x)."""

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        del channels
        return body


class Plain(nn.Module):
    """``body(x) + x``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.joint = Joint()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        result: Tensor = self.joint(self.body(features) + features)
        return result
