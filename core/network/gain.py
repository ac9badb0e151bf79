"""A learned gain that lets a network begin as if it were not there."""

import torch
from torch import Tensor, nn

_IN_SEARCH = 0.03


class Gain(nn.Module):
    """What a network's output is multiplied by before it is added to something that is good already.

    It starts at zero (Bachlechner et al. 2021, "ReZero"), so that the first thing the network learns is not to turn
    itself off: a ReLU that is closed by that does not open again. In a supernet it starts above zero, for through a
    zero no candidate would get a gradient, and the cost alone would decide.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.0))

    def begin_search(self) -> None:
        """Start as in a supernet."""
        nn.init.constant_(self.value, _IN_SEARCH)

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return self.value * features
