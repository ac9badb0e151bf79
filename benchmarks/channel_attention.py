"""A small network with channel attention, written without qnas, for benchmarks/big_images.py."""

from torch import Tensor, nn


class Attention(nn.Module):
    """Squeeze and excitation: features times a gate that is computed from their means (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, channels, 1), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        gated: Tensor = features * self.gate(self.squeeze(features))
        return gated


class Block(nn.Module):
    """A residual block with attention, like RCAN's (Zhang et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        convolutions = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.body = nn.Sequential(next(convolutions), nn.ReLU(), next(convolutions), Attention(channels))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        result: Tensor = features + self.body(features)
        return result


class Net(nn.Sequential):
    """Two blocks of 16 channels and a pixel shuffle."""

    def __init__(self, scale: int) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1),
            Block(16),
            Block(16),
            nn.Conv2d(16, 3 * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )
