"""What quantizers are set up by."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from qnas.core.components import FakeQuantizer, Quantizer
from qnas.core.network import QuantizedLayers
from qnas.core.network.calibration import calibrate, calibrate_for_training
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.settings import Widths

QUANTIZERS = ("lsq", "lsq+", "pact", "ewgs", "dorefa", "split")
BITS = 3


def network_of(quantizer: str, bits: int) -> nn.Sequential:
    """Three convolutions, each behind its activation."""
    torch.manual_seed(0)
    layers = QuantizedLayers(Quantizer.of(quantizer), Widths(bits, bits))
    channels = pairwise((3, 8, 8, 4))
    return nn.Sequential(*(part for c in channels for part in (layers.activation("prelu", c[0]), layers.conv(*c, 3))))


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("way", [calibrate, calibrate_for_training])
@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_quantizers_can_be_set_up_by_the_network_in_float(quantizer: str, way, image: torch.Tensor) -> None:
    network, plain = network_of(quantizer, BITS), network_of("none", BITS)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if k in plain.state_dict()})
    expected = copy.deepcopy(network)
    way(network, lambda: network(image), in_float=True)

    features = image
    for part, in_float in zip(expected, plain, strict=True):
        if isinstance(part, QuantizedActivation):
            features = in_float(features)
            part.quantizer.observe(features)
        elif isinstance(part, QuantizedConv2d):
            part.weight_quantizer.observe(part.weight)
            step = part.bias_step
            assert step is None or not part.bias.any()  # so that it stays 0, rounded or not
            features = in_float(features)
    for ours, theirs in zip(network.state_dict().values(), expected.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(network.eval()(image), expected.eval()(image))  # it quantizes again


def test_by_default_each_sees_what_those_before_it_leave(image: torch.Tensor) -> None:
    network = network_of("lsq", BITS)
    seen: dict[FakeQuantizer, torch.Tensor] = {}
    calibrate(network, lambda: network(image))
    for module in network.modules():
        if isinstance(module, FakeQuantizer):
            module.register_forward_pre_hook(lambda module, inputs: seen.update({module: inputs[0]}))
    network(image)
    for quantizer, tensor in seen.items():
        again = copy.deepcopy(quantizer)
        again.observe(tensor)
        assert torch.equal(again.log_step, quantizer.log_step)
