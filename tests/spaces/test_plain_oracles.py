"""Networks written here as their authors define them, and our presets of them: equal weights give equal outputs."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.network import build_found

from .published_networks import conv, leaky, randomize


def shuffle(channels, out_channels, factor):
    return nn.Sequential(conv(channels, out_channels * factor**2), nn.PixelShuffle(factor))


class EDSR(nn.Module):
    """EDSR-baseline (Lim et al. 2017), without the subtraction of the mean colour."""

    def __init__(self, scale):
        super().__init__()
        self.head = conv(3, 64)
        self.blocks = nn.ModuleList(nn.Sequential(conv(64, 64), nn.ReLU(), conv(64, 64)) for _ in range(16))
        self.last = conv(64, 64)
        self.up = nn.Sequential(*(shuffle(64, 64, factor) for factor in ([2, 2] if scale == 4 else [scale])))
        self.tail = conv(64, 3)

    def forward(self, image):
        head = features = self.head(image)
        for block in self.blocks:
            features = features + block(features)
        return self.tail(self.up(self.last(features) + head))

    def names(self):
        """Our names, by theirs."""
        blocks = {f"blocks.{i}.{2 * j}": f"body.{i}.body.{j}" for i in range(16) for j in range(2)}
        ups = {f"up.{step}.0": f"upsample.{2 * step}" for step in range(len(self.up))}
        return {"head": "head.0", **blocks, "last": "fusion.0", **ups, "tail": "tail.0"}


class Fused(nn.Module):
    """What IMDN and RFDN have in common: all blocks' outputs are fused, and the head's is added."""

    def __init__(self, scale, channels, blocks):
        super().__init__()
        self.head = conv(3, channels)
        self.blocks = nn.ModuleList(blocks)
        self.fuse = nn.Sequential(conv(channels * len(blocks), channels, 1), nn.LeakyReLU(0.05))
        self.last = conv(channels, channels)
        self.up = shuffle(channels, 3, scale)

    def forward(self, image):
        outputs = [self.head(image)]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return self.up(self.last(self.fuse(torch.cat(outputs[1:], 1))) + outputs[0])

    def names(self):
        ends = {"head": "head.0", "fuse.0": "fusion.0", "last": "fusion.1", "up.0": "upsample.0"}
        inside = {
            f"blocks.{i}.{theirs}": f"body.{i}.{ours}"
            for i, block in enumerate(self.blocks)
            for theirs, ours in block.NAMES.items()
        }
        return ends | inside


class MultiDistillation(nn.Module):
    """IMDB (Hui et al. 2019), with 64 channels: 16 distilled, 48 refined on, contrast-aware channel attention."""

    NAMES = {
        **{f"c{i + 1}": f"body.refine.{i}" for i in range(4)},
        "c5": "body.fuse",
        "squeeze": "body.attention.reduce",
        "excite": "body.attention.expand",
    }

    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.c3, self.c4 = conv(64, 64), conv(48, 64), conv(48, 64), conv(48, 16)
        self.c5 = conv(64, 64, 1)
        self.squeeze, self.excite = conv(64, 4, 1), conv(4, 64, 1)

    def forward(self, features):
        one = leaky(self.c1(features))
        two = leaky(self.c2(one[:, 16:]))
        three = leaky(self.c3(two[:, 16:]))
        joined = torch.cat([one[:, :16], two[:, :16], three[:, :16], self.c4(three[:, 16:])], 1)
        mean = joined.mean((2, 3), keepdim=True)
        contrast = (joined - mean).square().mean((2, 3), keepdim=True).sqrt()
        attention = self.excite(F.relu(self.squeeze(contrast + mean))).sigmoid()
        return self.c5(attention * joined) + features


class FeatureDistillation(nn.Module):
    """RFDB (Liu et al. 2020) with its spatial attention, with 50 channels: no shortcut around it."""

    NAMES = {
        **{f"d{i + 1}": f"distill.{i}" for i in range(3)},
        **{f"r{i + 1}": f"refine.{i}" for i in range(4)},
        "fuse": "fuse",
        "e1": "attention.reduce",
        "e2": "attention.shrink",
        "e_max": "attention.pooled.0",
        "e3": "attention.pooled.1",
        "e3_": "attention.pooled.2",
        "e_f": "attention.bypass",
        "e4": "attention.expand",
    }

    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.d3 = (conv(50, 25, 1) for _ in range(3))
        self.r1, self.r2, self.r3, self.r4 = conv(50, 50), conv(50, 50), conv(50, 50), conv(50, 25)
        self.fuse = conv(100, 50, 1)
        self.e1, self.e_f, self.e4 = conv(50, 12, 1), conv(12, 12, 1), conv(12, 50, 1)
        self.e2 = nn.Conv2d(12, 12, 3, stride=2, padding=0)
        self.e_max, self.e3, self.e3_ = (conv(12, 12) for _ in range(3))

    def forward(self, x):
        d1, r1 = leaky(self.d1(x)), leaky(self.r1(x) + x)
        d2, r2 = leaky(self.d2(r1)), leaky(self.r2(r1) + r1)
        d3, r3 = leaky(self.d3(r2)), leaky(self.r3(r2) + r2)
        return self.attend(self.fuse(torch.cat([d1, d2, d3, leaky(self.r4(r3))], 1)))

    def attend(self, x):
        reduced = self.e1(x)
        pooled = F.max_pool2d(self.e2(reduced), kernel_size=7, stride=3)
        deep = self.e3_(F.relu(self.e3(F.relu(self.e_max(pooled)))))
        enlarged = F.interpolate(deep, x.shape[2:], mode="bilinear", align_corners=False)
        return x * self.e4(enlarged + self.e_f(reduced)).sigmoid()


class SPAN(nn.Module):
    """SPAN-S (Wan et al. 2024) in its inference form, without the mean colour.

    Its code activates in place: what is kept of the last block's first convolution is behind the activation.
    """

    def __init__(self, scale):
        super().__init__()
        self.head, self.last, self.fuse = conv(3, 48), conv(48, 48), conv(4 * 48, 48, 1)
        self.blocks = nn.ModuleList(nn.ModuleList(conv(48, 48) for _ in range(3)) for _ in range(6))
        self.up = shuffle(48, 3, scale)

    def forward(self, image):
        head = features = self.head(image)
        outputs = []
        for one, two, three in self.blocks:
            inside = F.silu(one(features))
            refined = three(F.silu(two(inside)))
            features = (refined + features) * (refined.sigmoid() - 0.5)
            outputs.append(features)
        return self.up(self.fuse(torch.cat([head, self.last(features), outputs[0], inside], 1)))

    def names(self):
        blocks = {f"blocks.{i}.{j}": f"body.{i}.refine.{j}" for i in range(6) for j in range(3)}
        return {"head": "head", **blocks, "last": "last", "fuse": "fuse", "up.0": "upsample.0"}


class XLSR(nn.Module):
    """XLSR (Ayazoglu 2021), without the clip to 0..1 at its end."""

    def __init__(self, scale):
        super().__init__()
        self.first, self.mix, self.beside = conv(3, 32), conv(32, 32, 1), conv(3, 16)
        self.grouped = nn.ModuleList(nn.Conv2d(32, 32, 3, padding=1, groups=4) for _ in range(3))
        self.mixing = nn.ModuleList(conv(32, 32, 1) for _ in range(3))
        self.fuse, self.up = conv(48, 32, 1), shuffle(32, 3, scale)

    def forward(self, image):
        features = self.mix(F.relu(self.first(image)))
        for grouped, mix in zip(self.grouped, self.mixing, strict=True):
            features = mix(F.relu(grouped(features)))
        return self.up(F.relu(self.fuse(torch.cat([features, self.beside(image)], 1))))

    def names(self):
        blocks = {f"{part}.{i}": f"body.{i}.{j}" for i in range(3) for j, part in enumerate(("grouped", "mixing"))}
        ends = {"fuse": "fuse", "up.0": "upsample.0"}
        return {"first": "head.0", "mix": "head.1", **blocks, "beside": "beside", **ends}


PLAIN = {
    "edsr-baseline": EDSR,
    "imdn": lambda scale: Fused(scale, 64, [MultiDistillation() for _ in range(6)]),
    "rfdn": lambda scale: Fused(scale, 50, [FeatureDistillation() for _ in range(4)]),
    "span": SPAN,
    "xlsr": XLSR,
}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", PLAIN)
def test_a_float_preset_equals_the_network_written_plainly(draw, name, scale):
    space = Space.of({"name": name, "bits": [32], "operations": ["native"]})
    found = build_found(space, scale, draw(space, scale), Quantizer.of("none")).double().eval()
    plain = PLAIN[name](scale).double()
    randomize(plain, scale)
    theirs = plain.state_dict()
    means = {name: value for name, value in found.named_buffers() if name.endswith("contrast.mean")}
    # Strictly: no weight of either network is left out.
    found.load_state_dict(
        means
        | {
            f"{ours}.operation.{kind}": theirs[f"{path}.{kind}"]
            for path, ours in plain.names().items()
            for kind in ("weight", "bias")
        }
    )
    assert sum(p.numel() for p in found.parameters()) == sum(p.numel() for p in plain.parameters())

    image = torch.rand(1, 3, 37, 29, generator=torch.Generator().manual_seed(scale), dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(found(image), plain(image), rtol=1e-10, atol=1e-10)
