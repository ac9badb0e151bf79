"""Losses that compare pixel by pixel."""

from pydantic import PositiveFloat
from torch import Tensor

from qnas.core.components import Loss


def mean_absolute_error(enlarged: Tensor, target: Tensor) -> Tensor:
    """The mean of ``|enlarged - target|``, two batches of one shape, in float32.

    Its gradient has the memory layout of ``enlarged``. The gradient of ``F.l1_loss`` is contiguous, which slows down
    the rest of the backward pass if the features are channels last.
    """
    return (enlarged.float() - target).abs().sum() / target.numel()


class L1(Loss):
    """The mean absolute difference."""

    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """See :meth:`qnas.Loss.measure`."""
        return mean_absolute_error(enlarged, target)


class Charbonnier(Loss):
    """The mean of ``sqrt(d^2 + epsilon^2) - epsilon``: L1 without its corner (Lai et al. 2017, arXiv 1704.03915).

    Attributes:
        epsilon: Differences well below it count by their squares, those above it by their size.

    Note:
        ``epsilon`` is subtracted so that equal images have the loss 0. The gradient is the published one.
    """

    epsilon: PositiveFloat = 1e-3

    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """See :meth:`qnas.Loss.measure`."""
        squares = (enlarged.float() - target).square()
        return ((squares + self.epsilon**2).sqrt() - self.epsilon).sum() / target.numel()


class MeanSquare(Loss):
    """The mean squared difference. PSNR is a function of it."""

    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """See :meth:`qnas.Loss.measure`."""
        return (enlarged.float() - target).square().sum() / target.numel()
