"""Known networks written here plainly, whose values have the names that they have in the code of their authors.

Each takes its scale. The images of some are in 0..255.
"""

import torch
import torch.nn.functional as F
from torch import nn

MEAN = [0.4488, 0.4371, 0.4040]


def conv(in_channels, out_channels, size=3, **options):
    return nn.Conv2d(in_channels, out_channels, size, padding=size // 2, **options)


def shuffle(channels, factor, out_channels=3):
    return nn.Sequential(conv(channels, out_channels * factor**2), nn.PixelShuffle(factor))


def leaky(features):
    return F.leaky_relu(features, 0.05)


def mean_of(features):
    return features.mean((2, 3), keepdim=True)


class Layers(nn.Module):
    """A module that has these layers by name."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


class CCA(Layers):
    def forward(self, x):
        return x * self.conv_du((x - mean_of(x)).square().mean((2, 3), keepdim=True).sqrt() + mean_of(x))


class IMDB(Layers):
    def forward(self, x):
        rest, parts = x, []
        for layer in (self.c1, self.c2, self.c3):
            part, rest = leaky(layer(rest)).split([4, 12], dim=1)
            parts.append(part)
        return x + self.c5(self.cca(torch.cat([*parts, self.c4(rest)], 1)))


class Fused(Layers):
    """IMDN and RFDN around their blocks."""

    def forward(self, x):
        outputs = [self.fea_conv(x)]
        for block in self.blocks:
            outputs.append(getattr(self, block)(outputs[-1]))
        return self.upsampler(self.LR_conv(self.c(torch.cat(outputs[1:], 1))) + outputs[0])


def fused(scale, channels, blocks):
    network = Fused(
        fea_conv=conv(3, channels),
        **blocks,
        c=nn.Sequential(conv(channels * len(blocks), channels, 1), nn.LeakyReLU(0.05)),
        LR_conv=conv(channels, channels),
        upsampler=shuffle(channels, scale),
    )
    network.blocks = list(blocks)
    return network


def imdn(scale):
    def block():
        squeeze = nn.Sequential(conv(16, 1, 1), nn.ReLU(), conv(1, 16, 1), nn.Sigmoid())
        return IMDB(
            c1=conv(16, 16),
            c2=conv(12, 16),
            c3=conv(12, 16),
            c4=conv(12, 4),
            c5=conv(16, 16, 1),
            cca=CCA(conv_du=squeeze),
        )

    return fused(scale, 16, {f"IMDB{i}": block() for i in (1, 2)})


class ESA(Layers):
    """With three convolutions on what is pooled, as in RFDN, or with one, as in RLFN."""

    def forward(self, x):
        reduced = self.conv1(x)
        deep = F.max_pool2d(self.conv2(reduced), kernel_size=7, stride=3)
        if hasattr(self, "conv_max"):
            deep = self.conv3_(F.relu(self.conv3(F.relu(self.conv_max(deep)))))
        else:
            deep = self.conv3(deep)
        enlarged = F.interpolate(deep, x.shape[2:], mode="bilinear", align_corners=False)
        return x * self.conv4(enlarged + self.conv_f(reduced)).sigmoid()


def esa(channels, middle, *more):
    ends = {"conv1": conv(channels, middle, 1), "conv_f": conv(middle, middle, 1), "conv4": conv(middle, channels, 1)}
    return ESA(
        **ends, conv2=nn.Conv2d(middle, middle, 3, stride=2), **{m: conv(middle, middle) for m in ("conv3", *more)}
    )


class RFDB(Layers):
    def forward(self, x):
        parts = []
        for i in (1, 2, 3):
            parts.append(leaky(getattr(self, f"c{i}_d")(x)))
            x = leaky(getattr(self, f"c{i}_r")(x) + x)
        return self.esa(self.c5(torch.cat([*parts, leaky(self.c4(x))], 1)))


def rfdn(scale):
    def block():
        steps = {
            f"c{i}_{kind}": conv(8, out, size) for i in (1, 2, 3) for kind, out, size in (("d", 4, 1), ("r", 8, 3))
        }
        return RFDB(**steps, c4=conv(8, 4), c5=conv(16, 8, 1), esa=esa(8, 2, "conv_max", "conv3_"))

    return fused(scale, 8, {f"B{i}": block() for i in (1, 2)})


class RLFB(Layers):
    def forward(self, x):
        return self.esa(self.c5(leaky(self.c3_r(leaky(self.c2_r(leaky(self.c1_r(x)))))) + x))


class RLFN(Layers):
    def forward(self, x):
        head = self.conv_1(x)
        return self.upsampler(self.conv_2(self.block_2(self.block_1(head))) + head)


def rlfn(scale):
    def block():
        return RLFB(**{f"c{i}_r": conv(8, 8) for i in (1, 2, 3)}, c5=conv(8, 8, 1), esa=esa(8, 16))

    return RLFN(conv_1=conv(3, 8), block_1=block(), block_2=block(), conv_2=conv(8, 8), upsampler=shuffle(8, scale))


class Residual(Layers):
    def forward(self, x):
        return x + self.body(x)


class EDSR(Layers):
    def forward(self, x):
        head = self.head(self.sub_mean(x))
        return self.add_mean(self.tail(self.body(head) + head))


def edsr(scale):
    steps = [2, 2] if scale == 4 else [scale]
    ups = nn.Sequential(*(layer for factor in steps for layer in shuffle(8, factor, 8)))
    blocks = [Residual(body=nn.Sequential(conv(8, 8), nn.ReLU(), conv(8, 8))) for _ in range(2)]
    network = EDSR(
        sub_mean=conv(3, 3, 1),
        head=nn.Sequential(conv(3, 8)),
        body=nn.Sequential(*blocks, conv(8, 8)),
        tail=nn.Sequential(ups, conv(8, 3)),
        add_mean=conv(3, 3, 1),
    )
    randomize(network)
    for shift, sign in ((network.sub_mean, -1), (network.add_mean, 1)):
        shift.weight.data = torch.eye(3)[:, :, None, None]
        shift.bias.data = sign * 255 * torch.tensor(MEAN)
    return network


class TwoConvolutions(Layers):
    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x)))


class BasicEDSR(Layers):
    def forward(self, x):
        mean = torch.tensor(MEAN).to(x)[:, None, None]
        head = self.conv_first((x - mean) * 255)
        return self.conv_last(self.upsample(self.conv_after_body(self.body(head)) + head)) / 255 + mean


def body_of(blocks=2):
    return nn.Sequential(*(TwoConvolutions(conv1=conv(8, 8), conv2=conv(8, 8)) for _ in range(blocks)))


def basic_edsr(scale):
    steps = [2, 2] if scale == 4 else [scale]
    ups = nn.Sequential(*(layer for factor in steps for layer in shuffle(8, factor, 8)))
    ends = {"conv_first": conv(3, 8), "conv_after_body": conv(8, 8), "conv_last": conv(8, 3)}
    return BasicEDSR(**ends, body=body_of(), upsample=ups)


class MSRResNet(Layers):
    def forward(self, x):
        slope, scale = 0.1, self.scale
        features = self.body(F.leaky_relu(self.conv_first(x), slope))
        for up in ("upconv1", "upconv2")[: 2 if scale == 4 else 1]:
            features = F.leaky_relu(F.pixel_shuffle(getattr(self, up)(features), 2 if scale == 4 else scale), slope)
        detail = self.conv_last(F.leaky_relu(self.conv_hr(features), slope))
        return detail + F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def msrresnet(scale):
    ups = {"upconv1": conv(8, 32), "upconv2": conv(8, 32)} if scale == 4 else {"upconv1": conv(8, 8 * scale**2)}
    network = MSRResNet(conv_first=conv(3, 8), body=body_of(), **ups, conv_hr=conv(8, 8), conv_last=conv(8, 3))
    network.scale = scale
    return network


class Conv3XC(Layers):
    """As SPAN trains it: the input is padded, the layers inside are not. What it saves fused is out of date here."""

    def forward(self, x):
        return self.conv(F.pad(x, [1, 1, 1, 1])) + self.sk(x)


def several(in_channels, out_channels):
    inside = [
        (2 * in_channels, in_channels, 1),
        (2 * out_channels, 2 * in_channels, 3),
        (out_channels, 2 * out_channels, 1),
    ]
    chain = nn.Sequential(*(nn.Conv2d(ins, outs, size) for outs, ins, size in inside))
    return Conv3XC(sk=conv(in_channels, out_channels, 1), conv=chain, eval_conv=conv(in_channels, out_channels))


class Fused3XC(Layers):
    def forward(self, x):
        return self.eval_conv(x)


class SPAB(Layers):
    def forward(self, x):
        inside = F.silu(self.c1_r(x))
        refined = self.c3_r(F.silu(self.c2_r(inside)))
        return (refined + x) * (refined.sigmoid() - 0.5), inside


class SPAN(Layers):
    def forward(self, x):
        head = self.conv_1((x - torch.tensor(MEAN).to(x)[:, None, None]) * 255)
        first, _ = self.block_1(head)
        last, inside = self.block_2(first)
        return self.upsampler(self.conv_cat(torch.cat([head, self.conv_2(last), first, inside], 1)))


def span(scale, convolution=several):
    def block():
        return SPAB(**{f"c{i}_r": convolution(8, 8) for i in (1, 2, 3)})

    ends = {"conv_1": convolution(3, 8), "conv_2": convolution(8, 8), "conv_cat": conv(32, 8, 1)}
    return SPAN(**ends, block_1=block(), block_2=block(), upsampler=shuffle(8, scale))


def fused_span(scale):
    return span(scale, lambda ins, outs: Fused3XC(eval_conv=conv(ins, outs)))


class Compact(Layers):
    def forward(self, x):
        features = x
        for layer in self.body:
            features = layer(features)
        return F.pixel_shuffle(features, self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def compact(scale):
    inside = [layer for ins in (3, 8, 8, 8) for layer in (conv(ins, 8), nn.PReLU(8))]
    network = Compact(body=nn.ModuleList([*inside, conv(8, 3 * scale**2)]))
    network.scale = scale
    return network


class XLSR(Layers):
    def forward(self, x):
        return F.pixel_shuffle(self.tail(torch.cat([self.cnn(x), self.residual(x)], 1)), self.scale)


def xlsr(scale):
    blocks = [Layers(net=nn.Sequential(conv(8, 8, groups=4), nn.ReLU(), conv(8, 8, 1))) for _ in range(2)]
    for block in blocks:
        block.forward = block.net.forward
    network = XLSR(
        residual=conv(3, 4),
        cnn=nn.Sequential(conv(3, 8), nn.ReLU(), conv(8, 8, 1), *blocks),
        tail=nn.Sequential(conv(12, 8, 1), nn.ReLU(), conv(8, 3 * scale**2)),
    )
    network.scale = scale
    return network


@torch.no_grad()
def randomize(network, seed=0):
    """Weights that carry the signal through every layer, and biases and slopes that are not zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, a=0.05, generator=generator)
        else:
            nn.init.normal_(parameter, std=0.2, generator=generator)
    return network


TWO = {"channels": 8, "body": [{"block": "residual", "repeat": 2}]}
CENTRED = {"mean": MEAN}

# Our space, its fields, the network of its authors, and the largest value of that one's images.
PUBLISHED = {
    "imdn": ("imdn", {"channels": 16, "body": [{"block": "imdb", "repeat": 2}]}, imdn, 1),
    "rfdn": ("rfdn", {"channels": 8, "body": [{"block": "rfdb", "repeat": 2}]}, rfdn, 1),
    "rlfn": ("rlfn", {"channels": 8, "body": [{"block": "rlfb", "repeat": 2}]}, rlfn, 255),
    "edsr": ("edsr-baseline", TWO | CENTRED, edsr, 255),
    "edsr of BasicSR": ("edsr-baseline", TWO | CENTRED, basic_edsr, 1),
    "srresnet": ("srresnet", TWO, msrresnet, 1),
    "span": ("span", {"channels": 8, "blocks": 2} | CENTRED, span, 1),
    "span fused": ("span", {"channels": 8, "blocks": 2} | CENTRED, fused_span, 1),
    "compact": (
        "compact",
        {"channels": 8, "body": [{"block": "chain", "length": 3}], "activation": "channel-prelu"},
        compact,
        1,
    ),
    "xlsr": ("xlsr", {"channels": 8, "beside": 4, "blocks": 2}, xlsr, 1),
}


def published(name, scale):
    """The network of its authors, with random weights, in double precision: (N, 3, H, W) in 0..1."""
    make, largest = PUBLISHED[name][2:]
    network = make(scale)
    if name != "edsr":
        randomize(network)
    return network, lambda image: network.double()(image * largest) / largest
