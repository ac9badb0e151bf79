"""Float work against counts by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from qnas.core.components import Quantizer, Space
from qnas.core.network import Architecture, QuantizedActivation, QuantizedConv2d, float_work_of, slot_candidates
from qnas.core.network.counting.float_work import FloatWork, float_work


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, image: Tensor) -> Tensor:
        return self.function(image)


def work(*layers: nn.Module, size: tuple[int, int] = (6, 8)) -> FloatWork:
    return float_work(nn.Sequential(*layers).to("meta"), size)


PIXELS = 48  # of 6 x 8


@pytest.mark.parametrize(
    ("layer", "macs", "counted", "elementwise"),
    [
        (nn.Identity(), 0, 0, 0),
        (nn.Conv2d(3, 5, 3, padding=1), 27 * 5 * PIXELS, 27 * 5 * PIXELS, 0),
        (nn.ConvTranspose2d(3, 2, 2, stride=2), 3 * 2 * 4 * PIXELS, 3 * 2 * 4 * PIXELS, 0),
        (nn.Linear(8, 4), 3 * 6 * 8 * 4, 3 * 6 * 8 * 4, 0),
        (nn.BatchNorm2d(3), 3 * PIXELS, 0, 0),
        (nn.ReLU(), 0, 0, 3 * PIXELS),
        (nn.ReLU(inplace=True), 0, 0, 3 * PIXELS),
        (nn.AvgPool2d(2), 0, 0, 3 * PIXELS),
        (nn.AdaptiveAvgPool2d(1), 0, 0, 3 * PIXELS),
        (nn.PixelUnshuffle(2), 0, 0, 0),
        (Function(lambda x: x + x), 0, 0, 3 * PIXELS),
        (Function(lambda x: x * x.mean(dim=(2, 3), keepdim=True)), 0, 0, 2 * 3 * PIXELS),
        (Function(lambda x: x @ x.transpose(2, 3)), 3 * 6 * 6 * 8, 0, 0),
        (Function(lambda x: torch.cat([x, x]).clone()), 0, 0, 0),
        (Function(lambda x: torch.addcmul(x, x, x)), 3 * PIXELS, 0, 0),
        (Function(lambda x: F.interpolate(x, scale_factor=2, mode="nearest")), 0, 0, 0),
        (Function(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")), 4 * 4 * 3 * PIXELS, 0, 0),
        (Function(lambda x: F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)), 16 * 4 * 3 * 48, 0, 0),
    ],
)
def test_layers_cost_what_they_compute(layer, macs, counted, elementwise):
    assert work(layer) == FloatWork(macs, counted, elementwise)


@pytest.mark.parametrize(("bits", "is_counted"), [(4, False), (8, False), (32, True)])
def test_what_is_quantized_is_no_float_work(bits, is_counted):
    from qnas.core.components import ConvShape
    from qnas.core.settings import Widths

    shape = ConvShape(3, 4, (3, 3), 1, (1, 1), (1, 1), 1, True)
    lsq = Quantizer.of("lsq")
    layers = [QuantizedActivation("relu", lsq, bits, signed=False), QuantizedConv2d(lsq, Widths(bits, bits), shape)]
    macs = 27 * 4 * PIXELS if is_counted else 0
    assert work(*layers) == FloatWork(macs, macs, 3 * PIXELS if is_counted else 0)


def test_a_whole_network_is_the_sum_of_its_parts():
    """One ADQ cell of 6 channels: Batch Norm, deviation, gain; the skips around it; a bicubic residual."""
    space = Space.of(
        {"name": "basic", "channels": 6, "cells": 1, "bits": [4], "residual": "adq", "image_residual": "bicubic"}
    )
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    found = float_work_of(space, 2, chosen, Quantizer.of("lsq"), (6, 8))
    lr, hr = 6 * PIXELS, 3 * 4 * PIXELS
    assert found.counted_macs == 0
    assert found.macs == pytest.approx(2 * lr + 16 * hr, abs=4)  # a few scalars
    residuals = 2 * lr + 2 * hr  # in the cell beside its slots, from the head; of the tail, of the image
    assert residuals < found.elementwise < residuals + 4 * lr + 2 * hr + 10


def test_macs_agree_with_pytorchs_own_counter_where_nothing_is_quantized():
    space = Space.of({"name": "edsr-baseline", "channels": 8, "bits": [32]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    with torch.device("meta"):
        network = Architecture.from_candidates(space, 2, chosen).build(Quantizer.of("none")).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 3, 6, 8))
    assert float_work(network, (6, 8)).macs == counter.get_total_flops() // 2
