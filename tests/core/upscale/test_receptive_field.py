"""The receptive field against its definition, and networks that have none."""

import re
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qnas.core.components import Quantizer, Space, freeze_statistics
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.registry import plugins
from qnas.core.upscale.cutting import ReceptiveField
from qnas.core.upscale.gathering import TilingError
from qnas.core.upscale.passes import plan_passes

SCALE = 2


def find_receptive_field(network: nn.Module, scale: int) -> ReceptiveField:
    return plan_passes(network, scale).field


TRAINING = [e.name for e, kind in plugins().registries["quantizer"].loadable() if "train" in kind.stages]


class Net(nn.Module):
    """A body at the size of the LR image, then pixel shuffle."""

    def __init__(self, *body: nn.Module, channels: int = 4) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 1)
        self.body = nn.Sequential(*body)
        self.tail = nn.Sequential(nn.Conv2d(channels, 3 * SCALE**2, 1), nn.PixelShuffle(SCALE))

    def forward(self, image):
        return self.tail(self.body(self.head(image)))


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, features):
        return self.function(features)


def conv(*size: int, **more: int) -> nn.Module:
    dilation = more.get("dilation", 1)
    return nn.Conv2d(4, 4, size, padding=tuple(dilation * (k // 2) for k in size), **more)


def field_of(*body: nn.Module) -> ReceptiveField:
    torch.manual_seed(0)
    return find_receptive_field(Net(*body).eval(), SCALE)


@pytest.mark.parametrize(
    ("body", "halo"),
    [
        ([], 0),
        ([conv(3, 3)], 1),
        ([conv(5, 1)], 2),
        ([conv(1, 7)], 3),
        ([conv(3, 3, dilation=4)], 4),
        ([conv(3, 3), nn.ReLU(), conv(5, 5), nn.Sigmoid(), conv(3, 3, groups=4)], 4),
        ([nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(5, 1, 2)], 3),
        ([nn.ZeroPad2d((0, 2, 0, 0)), nn.Conv2d(4, 4, (1, 3))], 2),
        ([nn.ReflectionPad2d(3), nn.Conv2d(4, 4, 7)], 3),
        ([conv(3, 3) for _ in range(40)], 40),
    ],
)
def test_the_halo_is_the_sum_of_what_the_layers_see(body, halo):
    assert field_of(*body) == (halo, 1)


def test_weights_of_zero_and_closed_relus_hide_nothing():
    torch.manual_seed(0)
    network = Net(conv(3, 3), nn.ReLU(), conv(5, 5)).eval()
    for parameter in network.parameters():
        parameter.data.zero_()
    network.body[0].bias.data.fill_(-1)
    assert find_receptive_field(network, SCALE).halo == 3


def test_layers_at_the_size_of_the_output_see_a_part_of_an_lr_pixel_each():
    network = nn.Sequential(
        nn.Conv2d(3, 3 * 16, 1), nn.PixelShuffle(4), *(nn.Conv2d(3, 3, 3, padding=1) for _ in "abcde")
    )
    assert find_receptive_field(network.eval(), 4) == (2, 1)  # 5 pixels of 4 to an LR pixel


@pytest.mark.parametrize("step", [2, 3, 8])
def test_pooling_may_be_cut_at_its_steps_only(step):
    class Pooled(nn.Module):
        def forward(self, features):
            height, width = features.shape[2:]
            cells = F.max_pool2d(F.avg_pool2d(features, step, ceil_mode=True), 3, 1, 1)
            return F.interpolate(cells, scale_factor=step)[..., :height, :width]

    # From one end of a cell to the far end of the next.
    assert field_of(Pooled()) == (2 * step - 1, step)


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("bits", [2, 8])
def test_every_quantizer_lets_through_what_is_not_a_number(name, bits):
    space = Space.of({"name": "skeleton", "channels": 4, "body": ["residual"], "bits": [bits]})
    chosen = {path: options[0] for path, options in slot_candidates(space, SCALE).items()}
    network = build_found(space, SCALE, chosen, Quantizer.of(name)).train()
    calibrate(network, lambda: network(torch.rand(2, 3, 12, 12)))
    # head, the block's two, fusion and upsample, 3 x 3 each
    assert find_receptive_field(network.eval(), SCALE) == (5, 1)


NAMED = "'body.1' looks at the whole image, so tiles would not fit together"
UNNAMED = "pixels depend on more than their surroundings, so tiles would not fit together"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda f: f * f.flatten(2).median(dim=2).values[..., None, None], NAMED),
        (lambda f: f * torch.linspace(0, 1, f.shape[2])[:, None], NAMED),
        (lambda f: f * torch.linspace(0, 1, f.shape[3]), NAMED),
        (lambda f: f / f.shape[3], NAMED),
        (lambda f: f + f.flip(3), NAMED),
        (lambda f: f.roll(1, dims=2), UNNAMED),  # the edge of a tile is not an edge of the image
        (lambda f: torch.fft.ifft2(torch.fft.fft2(f)).real, UNNAMED),
        (lambda f: f.nan_to_num(), UNNAMED),  # what hides what it depends on
    ],
    ids=["median", "rows", "columns", "size", "flip", "roll", "fourier", "hidden"],
)
def test_what_depends_on_the_size_or_the_place_is_refused_by_name(function, said):
    with pytest.raises(TilingError, match=f"^{re.escape(said)}$"):
        field_of(conv(3, 3), Lambda(function), conv(3, 3))


def test_a_field_that_is_as_large_as_a_tile_is_refused():
    assert field_of(*(conv(3, 3, dilation=12) for _ in range(10))) == (120, 1)
    assert field_of(conv(3, 3, dilation=126)) == (126, 1)
    for odd in ([conv(3, 3, dilation=128)], [conv(3, 3, dilation=16) for _ in range(8)]):
        with pytest.raises(TilingError, match="tiles would not fit"):
            field_of(*odd)


def test_the_innermost_module_is_named_and_what_tiles_can_do_is_not():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.known = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1))
            self.pool = nn.Sequential(
                Lambda(lambda f: f.flatten(2).median(dim=2).values[..., None, None]), nn.Sigmoid()
            )

        def forward(self, features):
            return features * self.known(features) * self.pool(features)

    with pytest.raises(TilingError, match=re.escape("'body.0.gate.pool.0' looks at")):
        field_of(nn.Sequential(OrderedDict(gate=Gate())))


def found(name: str, **fields: object) -> nn.Module:
    space = Space.of({"name": name, "bits": [4], "operations": ["native"], **fields})
    chosen = {path: options[0] for path, options in slot_candidates(space, SCALE).items()}
    return build_found(space, SCALE, chosen, Quantizer.of("lsq")).eval()


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("basic", {"channels": 6, "cells": 2, "residual": "adq"}),
        ("basic", {"channels": 6, "cells": 2, "residual": "adadm"}),
        ("skeleton", {"channels": 8, "body": [{"block": "imdb", "repeat": 2}]}),
    ],
)
def test_statistics_take_a_pass_each_unless_they_are_frozen(name, fields):
    torch.manual_seed(0)
    network = found(name, **fields)
    halos = [field.halo for field in plan_passes(network, SCALE).fields]
    assert len(halos) == 3
    assert halos == sorted(set(halos))  # the deeper, the more it sees
    assert len(freeze_statistics(network)) == 2  # finding the field froze none
    assert plan_passes(network, SCALE).fields == (ReceptiveField(halos[-1], 1),)


def test_spatial_attention_is_cut_where_it_pools_and_takes_a_pass():
    """ESA pools with strides of 2 and 3, and stretches the result over the image."""
    torch.manual_seed(0)
    network = found("skeleton", channels=8, body=[{"block": "rlfb", "residual": "adq"}])
    assert [field.step for field in plan_passes(network, SCALE).fields] == [6, 6]
    freeze_statistics(network)
    assert [field.step for field in plan_passes(network, SCALE).fields] == [6, 6]


def test_attention_that_closed_relus_hide_is_found_too():
    torch.manual_seed(0)
    network = found("skeleton", channels=8, body=["rfdb"])
    for name, parameter in network.named_parameters():
        if "attention.pooled" in name and name.endswith("bias"):
            parameter.data.fill_(-100)
    assert len(plan_passes(network, SCALE).fields) == 2


def test_the_network_is_left_as_it_was():
    torch.manual_seed(0)
    network = Net(conv(3, 3), Lambda(lambda f: f + f.flip(2)), nn.InstanceNorm2d(4)).eval()
    image = torch.rand(1, 3, 8, 8)
    before = network(image)
    with pytest.raises(TilingError):
        find_receptive_field(network, SCALE)
    assert torch.equal(network(image), before)
    assert not any(module._forward_hooks for module in network.modules())
