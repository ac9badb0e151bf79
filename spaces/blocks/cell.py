"""The body cell of QuantNAS's basic space."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from qnas.core.components import Activation, Block, Residual
from qnas.core.network import Joint, Slot

_BRANCH_SCALE = 0.2


class BasicCell(Block):
    """A chain of slots beside one skip slot (QuantNAS, arXiv 2208.14839), each preceded by the activation.

    Attributes:
        variant: ``B`` has a chain of two slots, ``A`` one of three, scaled by 0.2.
    """

    roles: ClassVar[tuple[str, ...]] = ("body", "skip")

    residual: Residual = "adq"  # type: ignore[assignment]
    variant: Literal["A", "B"] = "B"

    def build(self, channels: int, activation: Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        return Cell(channels, self.variant, activation)


class Cell(nn.Module):
    """A chain of slots beside one skip slot."""

    def __init__(self, channels: int, variant: Literal["A", "B"], activation: Activation) -> None:
        super().__init__()
        length, self.branch_scale = (3, _BRANCH_SCALE) if variant == "A" else (2, 1.0)
        self.chain = nn.Sequential(*(Slot("body", channels, channels, activation=activation) for _ in range(length)))
        self.joint = Joint()
        self.skip = Slot("skip", channels, channels, activation=activation, native="conv1x1")

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; the cell's residual connection wraps it."""
        branch = self.chain(features)  # first, because slots are listed in the order in which they run
        result: Tensor = self.joint(torch.add(self.skip(features), branch, alpha=self.branch_scale))
        return result
