"""The interface of residual connections."""

from abc import abstractmethod

from torch import nn

from qnas.core.components.component import Component


class Residual(Component):
    """How a block's input is added to its output."""

    kind = "residual"

    @abstractmethod
    def wrap(self, body: nn.Module, channels: int) -> nn.Module:
        """A module from (N, channels, H, W) to the same shape: ``body`` with its residual connection."""
