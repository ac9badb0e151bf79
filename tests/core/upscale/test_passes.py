"""Networks that look at a whole image, pass by pass over tiles: equal to the whole image up to rounding."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import ImageStatistic, Quantizer, Space
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.upscale import tiles
from qnas.core.upscale.enlarging import enlarge
from qnas.core.upscale.gathering import Gathering
from qnas.core.upscale.passes import Plan, plan_passes
from qnas.core.upscale.tiles import Upscaler
from qnas.spaces.foreign.hooks import Padding

CPU = torch.device("cpu")
SCALE = 2


class Net(nn.Module):
    """What is between a convolution and a pixel shuffle."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.body = nn.Sequential(*body)
        self.tail = nn.Sequential(nn.Conv2d(4, 3 * SCALE**2, 3, padding=1), nn.PixelShuffle(SCALE))

    def forward(self, image):
        return self.tail(self.body(self.head(image)))


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, features):
        return self.function(features)


class Gate(nn.Module):
    """Squeeze and excitation, as usually written."""

    def __init__(self, squeeze: nn.Module) -> None:
        super().__init__()
        self.squeeze = squeeze
        self.gate = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sigmoid())

    def forward(self, features):
        return features * self.gate(10 * self.squeeze(features))


class Beside(nn.Module):
    """Two that look at the same features."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, features):
        return sum(branch(features) for branch in self.branches)


class Shrunk(nn.Module):
    """A gate on features of half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Gate(nn.AdaptiveAvgPool2d(1))

    def forward(self, features):
        small = self.inner(F.avg_pool2d(features, 2, ceil_mode=True))
        return features + F.interpolate(small, scale_factor=2)[..., : features.shape[2], : features.shape[3]]


class Contrast(nn.Module):
    """As the authors of IMDN wrote it."""

    def forward(self, features):
        count = features.size(2) * features.size(3)
        mean = features.sum(3, keepdim=True).sum(2, keepdim=True) / count
        variance = (features - mean).pow(2).sum(3, keepdim=True).sum(2, keepdim=True) / count
        return variance.pow(0.5) + F.adaptive_avg_pool2d(features, 1)


class Largest(ImageStatistic):
    """A statistic whose author did not think of tiles."""

    def __init__(self) -> None:
        super().__init__(4, 1, 1)

    def measure(self, features):
        return features.amax(dim=(2, 3), keepdim=True) - features.amin(dim=(2, 3), keepdim=True)


def squeezed(function) -> nn.Module:
    return Gate(Lambda(function))


def pyramid(features: torch.Tensor) -> torch.Tensor:
    return F.interpolate(F.avg_pool2d(features, 5, 3), size=features.shape[2:], mode="bilinear")


NETWORKS = {
    "average pooling": ([Gate(nn.AdaptiveAvgPool2d(1))], 2),
    "maximum pooling": ([Gate(nn.AdaptiveMaxPool2d((1, 1)))], 2),
    "two depths": ([Gate(nn.AdaptiveAvgPool2d(1)), nn.Conv2d(4, 4, 3, padding=1), Gate(nn.AdaptiveAvgPool2d(1))], 3),
    "side by side": ([Beside(Gate(nn.AdaptiveAvgPool2d(1)), Gate(nn.AdaptiveMaxPool2d(1)), nn.Identity())], 2),
    "half the size": ([Shrunk()], 2),
    "pooling by the size": ([squeezed(lambda f: F.avg_pool2d(f, f.shape[2:]))], 2),
    "mean": ([squeezed(lambda f: f.mean((2, 3), keepdim=True))], 2),
    "mean of channels too": ([Lambda(lambda f: f - 2 * torch.mean(f, dim=[1, -1, -2])[:, None, None, None])], 2),
    "mean of everything": ([Lambda(lambda f: f - f.mean())], 2),
    "sum by number": ([squeezed(lambda f: f.sum((2, 3), keepdim=True) / (f.shape[2] * f.shape[3]))], 2),
    "contrast": ([Gate(Contrast())], 3),  # of the deviation, the mean comes first
    "norm": ([Lambda(lambda f: f / f.norm(p=2, dim=(2, 3), keepdim=True) * 50)], 2),
    "largest": ([Lambda(lambda f: f / f.abs().amax(dim=(1, 2, 3), keepdim=True))], 2),
    "largest of all": ([Lambda(lambda f: (f - f.min()) / (f.max() - f.min()))], 2),
    "deviation": ([Lambda(lambda f: f / f.std(dim=(2, 3), keepdim=True))], 2),
    "variance and mean": (
        [Lambda(lambda f: (f - torch.var_mean(f, (2, 3), keepdim=True)[1]) * f.var((1, 2, 3), False))],
        2,
    ),
    "instance norm": ([nn.InstanceNorm2d(4, affine=True)], 2),
    "group norm": ([nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(2, 4)], 2),
    "batch norm": ([nn.BatchNorm2d(4, track_running_stats=False)], 2),
    "statistic": ([Gate(Largest())], 2),
    "pyramid": ([Lambda(lambda f: f * pyramid(f))], 2),
    "pyramid and pooling": ([Lambda(lambda f: f * pyramid(f)), Gate(nn.AdaptiveAvgPool2d(1))], 3),
}


def in_tiles(network: nn.Module, plan: Plan, image: torch.Tensor, tile: int) -> torch.Tensor:
    """The output of a network for an image in tiles, as floats."""
    gathering, height, width = plan.gathering(), *image.shape[2:]
    made = torch.full((1, 3, height * SCALE, width * SCALE), torch.nan)
    for number, place in plan.tiles(height, width, tile):
        part = gathering.tile(network, place.given(image), place, number)
        assert (part is None) == (number < len(plan.fields) - 1)
        if part is not None:
            row, column = place.row, place.column
            inner = part[:, :, row.enlarged_inside(SCALE), column.enlarged_inside(SCALE)]
            made[:, :, row.enlarged(SCALE), column.enlarged(SCALE)] = inner
    return made


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_tiles_become_what_the_whole_image_does(name):
    body, passes = NETWORKS[name]
    network = Net(*body).eval()
    plan = plan_passes(network, SCALE)
    assert len(plan.fields) == passes
    draw = random.Random(name)
    for tile in (draw.choice([12, 17]), 40):
        torch.manual_seed(tile)
        # Brighter towards one corner, so that no part of it resembles the whole.
        height, width = draw.randint(50, 90), draw.randint(50, 90)
        image = (
            torch.rand(1, 3, height, width) * torch.linspace(0.1, 1, width) * torch.linspace(1, 0.3, height)[:, None]
        )
        whole = network(image)
        torch.testing.assert_close(in_tiles(network, plan, image, tile), whole, rtol=1e-4, atol=1e-5)


FOUND = {
    "adq": ({"name": "basic", "channels": 6, "cells": 2, "residual": "adq"}, 3),
    "adadm": ({"name": "basic", "channels": 6, "cells": 1, "residual": "adadm"}, 2),
    "imdn": ({"name": "imdn", "channels": 8, "body": ["imdb"]}, 2),
    "rfdn": ({"name": "rfdn", "channels": 8, "body": [{"block": "rfdb", "repeat": 2}]}, 3),
    "rlfn": ({"name": "rlfn", "channels": 8, "body": [{"block": "rlfb", "residual": "adadm"}]}, 2),  # both in one
}


@pytest.mark.parametrize(("name", "bits"), [*((name, 8) for name in FOUND), ("rlfn", 32)])
def test_pixels_of_found_networks_are_those_of_the_whole_image(name, bits):
    """At most one level off, and only rarely, where a quantizer rounds to a neighbour."""
    fields, passes = FOUND[name]
    torch.manual_seed(0)
    space = Space.of({"operations": ["native"], "bits": [bits], **fields})
    chosen = {path: options[0] for path, options in slot_candidates(space, SCALE).items()}
    network = build_found(space, SCALE, chosen, Quantizer.of("lsq"))
    for path, parameter in network.named_parameters():
        if path.endswith("bias"):
            nn.init.normal_(parameter, std=0.2)
    calibrate(network.train(), lambda: network(torch.rand(2, 3, 24, 24)))
    upscaler = Upscaler(network.eval(), SCALE, CPU, tile=29)
    assert len(upscaler.plan.fields) == passes
    noise = np.random.default_rng(0).integers(0, 256, (77, 94, 3)) * np.linspace(0.3, 1, 94)[:, None]
    lr = noise.astype(np.uint8)
    ours, whole = (image.astype(int) for image in (upscaler(lr), enlarge(network, lr, CPU)))
    assert whole.std() > 1
    assert np.abs(ours - whole).max() <= 1
    assert (ours != whole).mean() < 1e-3


def test_a_network_that_changes_what_it_is_given_is_no_other():
    class Scaled(Net):
        def forward(self, image):
            image *= 255  # as RCAN's authors do
            return super().forward(image) / 255

    network = Scaled(Gate(nn.AdaptiveAvgPool2d(1))).eval()
    assert len(plan_passes(network, SCALE).fields) == 2
    network.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1))
    assert plan_passes(network, SCALE).field.halo == 3


@torch.inference_mode()
def test_pixels_that_the_network_pads_with_count_as_they_do_in_the_whole_image():
    network, padding = Net(Gate(nn.AdaptiveAvgPool2d(1))).eval(), Padding(4, SCALE)
    network.register_forward_pre_hook(padding.pad)
    network.register_forward_hook(padding.crop)
    plan = plan_passes(network, SCALE)
    assert plan.field.step == 4
    for height, width in ((61, 83), (64, 50)):
        image = torch.rand(1, 3, height, width) * torch.linspace(0.1, 1, width)
        torch.testing.assert_close(in_tiles(network, plan, image, 20), network(image), rtol=1e-4, atol=1e-5)


def test_frozen_statistics_are_another_image():
    """What is compared above is not what a running mean gives."""
    torch.manual_seed(0)
    network = Net(Gate(Largest())).eval()
    image = torch.rand(1, 3, 30, 30, generator=torch.Generator().manual_seed(0))
    before = network(image)
    network.body[0].squeeze.mean.zero_()
    network.body[0].squeeze.frozen = True
    assert (network(image) - before).abs().max() > 1e-3


def test_passes_are_reported_once_and_every_tile_moves_the_bar(monkeypatch):
    monkeypatch.setattr(tiles, "WORKING", 0)
    monkeypatch.setattr(tiles, "TILE", 16)
    said, shares = [], []
    upscaler = Upscaler(Net(Gate(nn.AdaptiveAvgPool2d(1))).eval(), SCALE, CPU, announce=said.append)
    image = np.zeros((20, 30, 3), dtype=np.uint8)
    upscaler(image, shares.append)
    upscaler(image)
    assert said == ["in 2 passes over tiles, since the network looks at the whole image"]
    assert shares == [done / 8 for done in range(1, 9)]


def test_passes_stop_in_the_network_once_all_was_gathered():
    seen = []
    after = Lambda(lambda f: seen.append(f.shape) or f)
    network = Net(Gate(nn.AdaptiveAvgPool2d(1)), after).eval()
    plan = plan_passes(network, SCALE)
    seen.clear()
    in_passes = plan.gathering()
    assert isinstance(in_passes, Gathering)
    image = torch.rand(1, 3, 40, 40)
    for number, place in plan.tiles(40, 40, 20):
        in_passes.tile(network, place.given(image), place, number)
    assert len(seen) == 4
