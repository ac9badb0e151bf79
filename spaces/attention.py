"""Attention in the blocks of efficient SR networks; each of its convolutions is a slot."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas.core.components import ImageStatistic, Moments, Operation
from qnas.core.network import Joint, Slot

ROLE = "attention"
_POOL = 7
_POOL_STRIDE = 3


class SpatialAttention(nn.Module):
    """Enhanced spatial attention, ESA (Liu et al. 2020, "Residual Feature Aggregation Network").

    Args:
        channels: Channels of the features.
        middle: Channels that it computes on.
        depth: Number of convolutions on the pooled features, with a ReLU between them: three in RFDN, one in RLFN.
    """

    def __init__(self, channels: int, middle: int, depth: int) -> None:
        super().__init__()
        shrinking = Operation.of({"name": "conv2d", "padding": (0, 0)})
        self.reduce = Slot(ROLE, channels, middle, activation="none", native="conv1x1")
        self.shrink = Slot(ROLE, middle, middle, stride=2, activation="none", native=shrinking, keeps_size=False)
        self.pooled = nn.Sequential(
            *(Slot(ROLE, middle, middle, activation="relu" if i else "none") for i in range(depth))
        )
        self.bypass = Slot(ROLE, middle, middle, activation="none", native="conv1x1")
        self.expand = Slot(ROLE, middle, channels, activation="none", native="conv1x1")
        self.joint = Joint()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; H and W at least 3."""
        reduced = self.reduce(features)
        small = self.shrink(reduced)  # (N, middle, (H - 1) // 2, (W - 1) // 2)
        # As published for images of at least 15 x 15 pixels; smaller ones are pooled as a whole.
        window = [min(_POOL, extent) for extent in small.shape[-2:]]
        pooled = self.pooled(F.max_pool2d(small, window, _POOL_STRIDE))
        enlarged = F.interpolate(pooled, size=features.shape[-2:], mode="bilinear", align_corners=False)
        result: Tensor = self.joint(features * torch.sigmoid(self.expand(enlarged + self.bypass(reduced))))
        return result


class ContrastAttention(nn.Module):
    """Contrast-aware channel attention, CCA (Hui et al. 2019, IMDN).

    Args:
        channels: Channels of the features.
        middle: Channels that it computes on.
    """

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.contrast = Contrast(channels)
        self.reduce = Slot(ROLE, channels, middle, activation="none", native="conv1x1")
        self.expand = Slot(ROLE, middle, channels, activation="relu", native="conv1x1")
        self.joint = Joint()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        result: Tensor = self.joint(features * torch.sigmoid(self.expand(self.reduce(self.contrast(features)))))
        return result


class Contrast(ImageStatistic):
    """Standard deviation plus mean of each channel, (N, C, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 1)

    def measure(self, features: Tensor) -> Tensor:
        """See :meth:`qnas.ImageStatistic.measure`."""
        deviation, mean = torch.std_mean(features, dim=(2, 3), keepdim=True, correction=0)
        return deviation + mean

    def of_moments(self, moments: Moments) -> Tensor:
        """See :meth:`qnas.ImageStatistic.of_moments`."""
        return moments.variance.sqrt() + moments.mean
