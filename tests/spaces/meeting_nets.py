"""Networks in which feature maps meet, as people write them, which all enlarge by 2. Specs import them by path."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

CHANNELS = 4


def conv(in_channels=CHANNELS, out_channels=CHANNELS):
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


class Base(nn.Module):
    """A head, a tail, and three convolutions that subclasses put between."""

    def __init__(self):
        super().__init__()
        self.head, self.a, self.b, self.c = conv(3), conv(), conv(), conv()
        self.relu = nn.ReLU(inplace=True)
        self.tail = nn.Sequential(conv(CHANNELS, 12), nn.PixelShuffle(2))

    def body(self, x):
        return self.c(self.b(self.a(x)))

    def forward(self, x):
        return self.tail(self.body(self.head(x)))


class Residual(Base):
    def body(self, x):
        y = x + self.b(self.relu(self.a(x)))
        return y + self.c(y)  # leads straight into the tail


class Scaled(Base):
    def body(self, x):
        y = torch.add(x, self.a(x), alpha=0.5)
        return self.b(y) - self.c(y)


class InPlace(Base):
    def body(self, x):
        y = also_y = self.a(x)
        y += x
        return self.b(y) + self.c(also_y)


class Concatenated(Base):
    def __init__(self):
        super().__init__()
        self.merge = conv(2 * CHANNELS)

    def body(self, x):
        x = F.relu(x)
        y = torch.cat([x, F.relu(self.a(x))], 1)
        return self.merge(y) + y[:, CHANNELS:]


class Gated(Base):
    def body(self, x):
        y = x * torch.sigmoid(self.a(x))
        return self.b(y) + self.c(y)


class Twice(Base):
    """Calls one module twice."""

    def __init__(self):
        super().__init__()
        self.block = Block()

    def body(self, x):
        return self.c(self.block(self.block(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return x + self.conv(x)


class Rectified(Base):
    def body(self, x):
        y = self.relu(x + self.a(x))
        return self.b(y) + self.c(y)


class Looped(Base):
    def body(self, x):
        for layer in (self.a, self.b, self.c):
            x = x + layer(x)
        return x


class WithImage(Base):
    """Adds to the image, whose values it shifts and limits at last."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.4))

    def forward(self, x):
        enlarged = F.interpolate(x, scale_factor=2, mode="bicubic")
        return (super().forward(x - self.mean) + enlarged - self.mean + self.mean).clamp(0, 1)


class Weighted(Base):
    """What meets here are no feature maps: weights, constants, statistics of the image."""

    def __init__(self):
        super().__init__()
        self.kernel, self.other = (nn.Parameter(torch.rand(CHANNELS, CHANNELS, 3, 3) / 9) for _ in range(2))

    def body(self, x):
        x = F.conv2d(x, self.kernel + self.kernel * self.other, padding=1)
        x = x * self.a(x).mean((2, 3), keepdim=True).sigmoid() + 0.5
        return self.c(F.relu(x + torch.linspace(0, 1, CHANNELS).view(1, -1, 1, 1)))


class OneByOne(Residual):
    """Runs the body on one image of a batch after the other."""

    def body(self, x):
        return torch.cat([super(OneByOne, self).body(image[None]) for image in x])


class Dropping(Base):
    """Leaves out what it would add, sometimes, while it trains."""

    def body(self, x):
        if not self.training or torch.rand(()) < 0.5:
            x = x + self.a(x)
        x = x + self.b(x)
        return x + self.c(x)


class Choosing(Base):
    """Adds where the image says so."""

    def body(self, x):
        y = self.a(x)
        if x.abs().mean() > 0.05:
            y = y + x
        return self.b(y) + self.c(y)


class Checkpointed(Residual):
    def body(self, x):
        return checkpoint(super().body, x, use_reentrant=False) if self.training else super().body(x)


def sequence():
    """A plain sequence, which runs whatever it contains."""
    return nn.Sequential(conv(3), Block(), Block(), conv(CHANNELS, 12), nn.PixelShuffle(2))
