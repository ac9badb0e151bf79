"""Networks as strangers write them, which all enlarge by 2. Specs import them by path."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = 4


class Base(nn.Module):
    """A head, a body of one convolution, and a tail; subclasses put something between."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.body = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.tail = nn.Sequential(nn.Conv2d(CHANNELS, 12, 3, padding=1), nn.PixelShuffle(2))

    def between(self, x):
        return x

    def forward(self, x):
        return self.tail(self.between(self.body(F.relu(self.head(x)))))


# Networks that differ each time.


class PlainTensor(Base):
    def __init__(self):
        super().__init__()
        self.directions = torch.randn(CHANNELS, 1, 1)

    def between(self, x):
        return x * self.directions


class NotPersistent(PlainTensor):
    def __init__(self):
        super().__init__()
        del self.directions
        self.register_buffer("directions", torch.randn(CHANNELS, 1, 1), persistent=False)


class Listed(Base):
    """A convolution in a plain list, which PyTorch does not know."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(CHANNELS, CHANNELS, 1)]

    def between(self, x):
        return self.layers[0](x)


class Closed(Base):
    def __init__(self):
        super().__init__()
        gain = torch.randn(CHANNELS, 1, 1)
        self.scaled = lambda x: x * gain

    def between(self, x):
        return self.scaled(x)


class NumberDrawn(Base):
    def __init__(self):
        super().__init__()
        self.settings = {"gain": random.random()}

    def between(self, x):
        return x * self.settings["gain"]


class OwnGenerator(Base):
    def __init__(self):
        super().__init__()
        self.numbers = np.random.default_rng()

    def between(self, x):
        return x + float(self.numbers.normal()) * self.training


class NoiseInEvaluation(Base):
    def between(self, x):
        return x + torch.randn_like(x)


class PythonsNoiseInEvaluation(Base):
    def between(self, x):
        return x * random.random()


class Counting(Base):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def between(self, x):
        self.calls += 1
        return x / self.calls


class FirstSeen(Base):
    """Keeps its first input."""

    def __init__(self):
        super().__init__()
        self.mean = None

    def between(self, x):
        if self.mean is None:
            self.mean = x.detach().mean()
        return x - self.mean


SEEN = []


class CountingElsewhere(Base):
    def between(self, x):
        SEEN.append(0)
        return x / len(SEEN)


class Lazy(Base):
    def __init__(self):
        super().__init__()
        self.between = nn.LazyConv2d(CHANNELS, 1)


class MadeAtFirst(Base):
    def between(self, x):
        if not hasattr(self, "late"):
            self.late = nn.Conv2d(CHANNELS, CHANNELS, 1)
        return self.late(x)


class Fused(Base):
    """Fuses two branches when it goes to evaluation, as re-parametrized networks do."""

    def __init__(self):
        super().__init__()
        self.side = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.fused = None

    def train(self, mode=True):
        super().train(mode)
        if not mode:
            self.fused = nn.Conv2d(CHANNELS, CHANNELS, 1)
        return self

    def between(self, x):
        return self.side(x) if self.training else self.fused(x)


class FusedInPlace(Base):
    """Adds one branch to the other whenever it goes to evaluation, and never subtracts it again."""

    def __init__(self):
        super().__init__()
        self.side, self.fused = nn.Parameter(torch.rand(CHANNELS)), nn.Parameter(torch.rand(CHANNELS))

    def train(self, mode=True):
        if self.training and not mode:
            self.fused.data += self.side.data
        return super().train(mode)

    def between(self, x):
        return x + (self.fused + self.side * self.training)[:, None, None]


class OtherWidths(Base):
    def __init__(self):
        super().__init__()
        width = random.randint(1, 10**6) % 997 + 1
        self.squeeze = nn.Sequential(nn.Conv2d(CHANNELS, width, 1), nn.Conv2d(width, CHANNELS, 1))

    def between(self, x):
        return self.squeeze(x)


class ExtraState(Base):
    def get_extra_state(self):
        return {"note": "no tensor"}

    def set_extra_state(self, state):
        pass


class Detached(Base):
    def forward(self, x):
        return super().forward(x).detach()


class TrainedByTwo(Base):
    """Returns something besides the image while it trains."""

    def forward(self, x):
        y = super().forward(x)
        return (y, x) if self.training else y


class OneByOneOnly(Base):
    def between(self, x):
        return x.view(CHANNELS, *x.shape[2:])[None]


_shared = Base()
_part = nn.Conv2d(CHANNELS, CHANNELS, 1)
_weight = nn.Parameter(torch.rand(CHANNELS, 1, 1))


def same():
    return _shared


class SamePart(Base):
    def __init__(self):
        super().__init__()
        self.part = nn.Sequential(_part)

    def between(self, x):
        return self.part(x)


class SameWeight(Base):
    def __init__(self):
        super().__init__()
        self.weight = _weight

    def between(self, x):
        return x * self.weight


# Networks that are the same each time, however odd.


class Persistent(PlainTensor):
    def __init__(self):
        super().__init__()
        del self.directions
        self.register_buffer("directions", torch.randn(CHANNELS, 1, 1))


class Constant(Base):
    """Tensors outside the state dict that are the same in each build; a grid is kept for each size."""

    def __init__(self):
        super().__init__()
        self.kernel = torch.ones(CHANNELS, 1, 3, 3) / 9
        self.grids = {}

    def between(self, x):
        grid = self.grids.setdefault(x.shape[-2:], torch.rand(1, generator=torch.Generator().manual_seed(0)))
        return F.conv2d(x, self.kernel, padding=1, groups=CHANNELS) + grid


class MadeInForward(Base):
    def between(self, x):
        return x + torch.linspace(0, 1, x.shape[-1]) + torch.arange(x.shape[-2])[:, None] / 100


class ReadsValues(Base):
    def between(self, x):
        return x / (1 + x.abs().max().item()) if x.mean() > -1 else x


class ByNumpy(Base):
    def between(self, x):
        return x * torch.from_numpy(np.abs(x.detach().numpy()).mean(keepdims=True))


class Dropping(Base):
    def __init__(self):
        super().__init__()
        self.dropout, self.norm = nn.Dropout2d(0.5), nn.BatchNorm2d(CHANNELS)

    def between(self, x):
        if self.training and random.random() < np.random.rand():
            return x
        return self.dropout(self.norm(x))


class Skipping(Base):
    """Leaves out a layer at random while it trains."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def between(self, x):
        return x if self.training and torch.rand(()) < 0.7 else x + self.layer(x)


class Normed(Base):
    def __init__(self):
        super().__init__()
        convolutions = (nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in range(3))
        of = nn.utils.parametrizations
        one, two, three = convolutions
        self.layers = nn.Sequential(of.spectral_norm(one), of.weight_norm(two), nn.utils.weight_norm(three))

    def between(self, x):
        return self.layers(x)


class Unbatched(Base):
    def forward(self, x):
        return torch.stack([super(Unbatched, self).forward(image) for image in x])


class Viewing(Base):
    """Views channels and pixels as one dimension, which only contiguous tensors can."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", torch.ones(1, 1, 3, 3) / 9)

    def between(self, x):
        n, c, h, w = x.shape
        blurred = F.conv2d(x.view(n * c, 1, h, w), self.kernel, padding=1)
        return blurred.view(n, c, h, w) * x.view(n, -1).mean(1).view(n, 1, 1, 1)


class InMemory(Base):
    """Reads values in memory order: in channels last, it is another network."""

    def between(self, x):
        return x.as_strided(x.shape, (x[0].numel(), x[0, 0].numel(), x.shape[-1], 1))


class Squeezed(Base):
    """Activates in place, enlarges smoothly, convolves one channel: evaluation has its own arithmetic for these."""

    def __init__(self):
        super().__init__()
        self.one, self.more = nn.Conv2d(CHANNELS, 1, 1), nn.Conv2d(1, CHANNELS, 1)

    def between(self, x):
        x = self.more(self.one(x))
        F.silu(x, inplace=True)
        x = F.interpolate(F.interpolate(x, scale_factor=2, mode="bilinear"), scale_factor=0.5)
        return F.conv2d(input=x, weight=torch.ones(CHANNELS, 1, 1, 1), groups=CHANNELS)


class ChangesItsImage(Base):
    def forward(self, x):
        return super().forward(x.sub_(0.5))


class ThroughData(Base):
    """Changes its image and the output of a ReLU unseen by autograd."""

    def between(self, x):
        x = F.relu(x)
        x.data.sub_(1)
        return x

    def forward(self, x):
        x.data.sub_(0.5)
        return super().forward(x)


class Reparametrized(Base):
    """Runs two branches while it trains, and afterwards one that is made of both, as SPAN does."""

    def __init__(self):
        super().__init__()
        self.side = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.merged = nn.Conv2d(CHANNELS, CHANNELS, 1).requires_grad_(False)

    def between(self, x):
        if self.training:
            return x + self.side(x)
        self.merged.weight.data = self.side.weight.data + torch.eye(CHANNELS)[..., None, None]
        self.merged.bias.data = self.side.bias.data.clone()
        return self.merged(x)


class Routed(Base):
    """Sends an image to one of two experts, depending on its values; in training, to both."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in range(2))
        self.router = nn.Linear(CHANNELS, 2)

    def between(self, x):
        shares = self.router(x.mean((2, 3))).softmax(1)
        if self.training:
            return sum(expert(x) * shares[:, i, None, None, None] for i, expert in enumerate(self.experts))
        chosen = int(shares.mean(0).argmax())
        return self.experts[chosen](x) * shares[:, chosen, None, None, None]


class Attentive(Base):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(CHANNELS, 2, batch_first=True)
        self.first, self.second = nn.Linear(CHANNELS, CHANNELS), nn.Linear(CHANNELS, CHANNELS)
        self.along = nn.Conv1d(CHANNELS, CHANNELS, 1)
        self.up = nn.ConvTranspose2d(CHANNELS, CHANNELS, 1)

    def between(self, x):
        pixels = x[..., :2, :2].flatten(2).transpose(1, 2)
        pooled = self.second(self.first(self.attention(pixels, pixels, pixels)[0])).transpose(1, 2)
        return self.up(x + self.along(pooled).mean(2)[..., None, None])


# Generated: each part does something that networks do; those in STATELESS keep nothing outside the state dict.


class Part(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what
        self.conv, self.other = (nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(2))
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.linear = nn.Linear(CHANNELS, CHANNELS)
        self.register_buffer("kept", torch.rand(CHANNELS, 1, 1))
        self.register_buffer("constant", torch.ones(CHANNELS, 1, 1), persistent=False)
        self.register_buffer("drawn", torch.rand(CHANNELS, 1, 1), persistent=False)
        self.plain, self.calls, self.cache = torch.rand(CHANNELS, 1, 1), 0, None

    def forward(self, x):
        return PARTS[self.what](self, x)


def _counted(part, x):
    part.calls += 1
    return x / part.calls


def _cached(part, x):
    part.cache = x.detach().mean() if part.cache is None else part.cache
    return x - part.cache


PARTS = {
    "residual, in place": lambda p, x: x + F.relu_(p.conv(F.leaky_relu(x, 0.2, inplace=True))),
    "added in place": lambda p, x: p.conv(x).add_(x),
    "shared": lambda p, x: p.conv(p.conv(x).relu()),
    "branches": lambda p, x: p.conv(x) + F.relu(p.other(x), inplace=True),
    "joined": lambda p, x: torch.cat([p.conv(x)[:, ::2], p.other(x)[:, 1::2]], 1),
    "gate": lambda p, x: x * torch.sigmoid(p.conv(x)),
    "pooled": lambda p, x: x * p.linear(x.mean((2, 3)))[..., None, None],
    "norm": lambda p, x: p.norm(p.conv(x)),
    "dropout": lambda p, x: F.dropout(p.conv(x), 0.5, p.training),
    "noise in training": lambda p, x: p.conv(x) + torch.randn_like(x) * p.training,
    "view": lambda p, x: p.conv(x).view(x.shape[0], -1).view(x.shape),
    "pixels": lambda p, x: p.linear(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape),
    "unbatched": lambda p, x: torch.stack([p.conv(image) for image in x]),
    "images as channels": lambda p, x: p.conv(x.flip(0)).flip(0),
    "made": lambda p, x: p.conv(x + torch.linspace(-1, 1, x.shape[-1])),
    "value": lambda p, x: p.conv(x / (1 + x.abs().max().item())),
    "if": lambda p, x: p.conv(x) if x.sum() < 1e9 else x,
    "buffers": lambda p, x: p.conv(x * p.kept + p.constant),
    "by keyword": lambda p, x: F.silu(input=p.conv(x)),
    "smooth": lambda p, x: F.avg_pool2d(F.interpolate(p.conv(x), scale_factor=2, mode="bilinear"), 2),
    "mode": lambda p, x: p.conv(x) if p.training else p.other(x),
    "drawn buffer": lambda p, x: p.conv(x * p.drawn),
    "plain tensor": lambda p, x: p.conv(x * p.plain),
    "noise": lambda p, x: p.conv(x) + torch.randn_like(x),
    "counted": _counted,
    "cached": _cached,
}
"""The parts, by name."""
REFUSED = {"drawn buffer", "plain tensor", "noise", "counted", "cached"}
"""The parts that make a different network each time."""


class Generated(Base):
    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(map(Part, parts))

    def between(self, x):
        for part in self.parts:
            x = part(x)
        return x
