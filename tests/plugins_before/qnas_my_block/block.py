"""A block: a part of which the bodies of networks are composed."""

from pydantic import PositiveInt
from torch import nn

import qnas


class MyBlock(qnas.Block):
    """Two convolutions with the activation between, where it is wider.

    Attributes:
        expansion: Channels in the middle, as a multiple of those that come in.
    """

    expansion: PositiveInt = 2

    def build(self, channels: int, activation: qnas.Activation) -> nn.Module:
        """See :meth:`qnas.Block.build`."""
        middle = channels * self.expansion
        return nn.Sequential(
            qnas.Slot("body", channels, middle, activation="none"),
            qnas.Slot("body", middle, channels, activation=activation),
        )
