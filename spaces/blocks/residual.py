"""The residual block of EDSR and SRResNet."""

from typing import ClassVar

from pydantic import PositiveFloat
from torch import Tensor, nn

from qnas.core.components import Activation, Block, Count, Original, Residual
from qnas.core.network import Slot


class ResidualBlock(Block):
    """Convolutions with the activation between them, beside the identity; no Batch Norm (Lim et al. 2017, EDSR).

    Attributes:
        length: Number of convolutions.
        native: The original convolution.
        scale: Factor for the output before it is added.
    """

    roles: ClassVar[tuple[str, ...]] = ("body",)

    residual: Residual = "plain"  # type: ignore[assignment]
    length: Count = 2
    native: Original = "conv3x3"  # type: ignore[assignment]
    scale: PositiveFloat = 1.0

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        befores: list[Activation] = ["none", *[activation] * (self.length - 1)]
        chain = [Slot("body", channels, channels, activation=before, native=self.native) for before in befores]
        return nn.Sequential(*chain, *([Scaled(self.scale)] if self.scale != 1 else []))


class Scaled(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        """Same shape in and out."""
        return self.factor * features
