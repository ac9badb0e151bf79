"""Statistics over a whole image inside of a network, and how they are frozen."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from qnas.core.components.moments import Moments
from qnas.core.ranks import mean_of_batch

_MOMENTUM = 0.1  # as Batch Norm's


class ImageStatistic(nn.Module, ABC):
    """Measures something over each whole image, as ADQ does its deviation. An author writes :meth:`measure`.

    While it measures, every pixel that the network makes depends on the whole image. A large image is then enlarged in
    several passes over tiles: the first measures, the last makes the pixels. An author who writes :meth:`of_moments`
    too says how to measure in parts; without it, what :meth:`measure` calls must be means, deviations and the like,
    or the image is enlarged whole.

    The running mean over the images of the training is kept beside; :func:`freeze_statistics` lets that stand for what
    is measured. Then pixels depend on what is near them only, and the network needs no reduction at run time.

    Args:
        shape: Of what is measured in one image.

    Attributes:
        mean: The running mean, in that shape. It starts at 1.
        momentum: What the mean of one more batch weighs in it, 0 to 1.
        frozen: Whether it stands for what is measured.
    """

    mean: Tensor

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.ones(shape))
        self.momentum = _MOMENTUM
        self.frozen = False

    @abstractmethod
    def measure(self, features: Tensor) -> Tensor:
        """What is measured in each image: (N, C, H, W) to (N, ...), differentiable."""

    def of_moments(self, moments: Moments) -> Tensor:
        """The same as :meth:`measure`, (N, ...), from the moments of each image's features."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        """What is measured, (N, ...), or its mean if it is frozen, (1, ...)."""
        if self.frozen:
            return self.mean[None].to(features.dtype)
        measured = self.measure(features)
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(mean_of_batch(measured.mean(dim=0)).to(self.mean), self.momentum)
        return measured


def measuring(network: nn.Module) -> list[str]:
    """The paths of the statistics that are not frozen."""
    return [p for p, module in network.named_modules() if isinstance(module, ImageStatistic) and not module.frozen]


def freeze_statistics(network: nn.Module) -> list[str]:
    """Freeze every statistic of ``network`` to its running mean; returns the paths of those that were not."""
    paths = measuring(network)
    for module in network.modules():
        if isinstance(module, ImageStatistic):
            module.frozen = True
    return paths
