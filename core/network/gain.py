"""A learned gain that makes a network contribute nothing at first."""

import torch
from torch import Tensor, nn

_IN_SEARCH = 0.03


class Gain(nn.Module):
    """A factor for a network's output before it is added to something that is already good.

    It starts at zero (Bachlechner et al. 2021, "ReZero"). Otherwise the network would first learn to turn itself off,
    and a ReLU that closes on the way does not open again. In a supernet it starts above zero: with zero, no candidate
    would get a gradient, and the cost alone would decide.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.0))

    @torch.no_grad()
    def begin_search(self) -> None:
        """Set the initial value of a supernet, unless it starts from weights."""
        self.value.copy_(torch.where(self.value == 0, _IN_SEARCH, self.value))

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        return self.value * features
