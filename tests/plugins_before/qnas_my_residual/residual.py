"""A residual connection: how a block's input is added to its output."""

import torch
from torch import Tensor, nn

import qnas


class MyResidual(qnas.Residual):
    """y = s F(x) + x, s learned.

    After Bachlechner et al. 2020, ReZero, arXiv 2003.04887, where s starts at 0.

    Attributes:
        start: What s starts at.
    """

    start: float = 0.1

    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """See :meth:`qnas.Residual.wrap`."""
        del channels
        return Scaled(body, self.start)


class Scaled(nn.Module):
    """``s body(x) + x``."""

    def __init__(self, body: nn.Module, start: float) -> None:
        super().__init__()
        self.body = body
        self.scale = nn.Parameter(torch.tensor(start))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        result: Tensor = self.scale * self.body(features) + features
        return result
