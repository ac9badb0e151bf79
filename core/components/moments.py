"""What is known of an image's features once every pixel was seen, part by part."""

from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Sums over all pixels of an image, channel by channel, in float64: each tensor is (N, C, 1, 1).

    Attributes:
        number: How many pixels.
        mean: Their mean.
        square: The mean of their squares.
        smallest: The smallest.
        largest: The largest.
    """

    number: int
    mean: Tensor
    square: Tensor
    smallest: Tensor
    largest: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """The moments of features (N, C, H, W), of any device and precision."""
        exact = (features.cpu() if features.device.type == "mps" else features).double()
        dims, number = (2, 3), features.shape[2] * features.shape[3]
        square = torch.linalg.vector_norm(exact, dim=dims, keepdim=True).square() / number
        largest, smallest = exact.amax(dims, keepdim=True), exact.amin(dims, keepdim=True)
        return cls(number, exact.mean(dims, keepdim=True), square, smallest, largest)

    def joined(self, other: "Moments") -> "Moments":
        """The moments of both parts of an image together."""
        number = self.number + other.number
        share = other.number / number
        return Moments(
            number,
            self.mean.lerp(other.mean, share),
            self.square.lerp(other.square, share),
            torch.minimum(self.smallest, other.smallest),
            torch.maximum(self.largest, other.largest),
        )

    def over_channels(self, groups: int = 1) -> "Moments":
        """The same of all channels of each group together, (N, groups, 1, 1)."""
        channels = self.mean.shape[1] // groups
        mean, square, smallest, largest = (each.unflatten(1, (groups, channels)) for each in self[1:])
        return Moments(
            self.number * channels,
            mean.mean(2),
            square.mean(2),
            smallest.amin(2),
            largest.amax(2),
        )

    @property
    def variance(self) -> Tensor:
        """The mean squared distance from the mean, without Bessel's correction."""
        return (self.square - self.mean.square()).clamp_min(0)
