"""What every registered operation must do, whoever registered it."""

import itertools

import pytest
import torch
from torch import nn

from qnas.core.components import Operation, Quantizer, SlotShape, Widths
from qnas.core.engine.evaluate import calibrate
from qnas.core.network import Candidate, MergedSlot, QuantizedConv2d, grid
from qnas.core.registry import plugins

NAMES = [entry.name for entry in plugins().registries["operation"]]
LSQ = Quantizer.of("lsq")
SHAPES = [
    SlotShape("body", *channels, stride, activation, signed=activation == "none")
    for channels, stride, activation in itertools.product([(6, 6), (6, 12), (12, 6)], [1, 2], ["relu", "none"])
]
every_operation = pytest.mark.parametrize("name", NAMES)


def fitting(operation):
    found = [shape for shape in SHAPES if not operation.unfit(shape)]
    assert found
    return found


@every_operation
def test_output_has_the_channels_and_size_of_the_slot_alone_and_in_the_supernet(name):
    operation = Operation.of(name)
    for shape in fitting(operation):
        features = torch.randn(2, shape.in_channels, 9, 7)
        expected = (2, shape.out_channels, -(-9 // shape.stride), -(-7 // shape.stride))
        candidates = grid([operation], [Widths(4, 4), Widths(4, 8)])
        assert candidates[0].fill(shape, LSQ)(features).shape == expected
        assert MergedSlot(shape, candidates, LSQ)(features).shape == expected


@every_operation
def test_every_convolution_reads_and_holds_values_of_its_widths(name):
    """At most 2^3 different activations, and 2^2 different weights in each output channel."""
    torch.manual_seed(0)
    operation = Operation.of(name)
    for shape in fitting(operation):
        module = Candidate(operation, Widths(2, 3)).fill(shape, LSQ)
        features = torch.randn(2, shape.in_channels, 9, 7)
        calibrate(module, lambda module=module, features=features: module(features))
        inputs = []
        convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
        for convolution in convolutions:
            convolution.register_forward_pre_hook(lambda _, given, to=inputs: to.append(given[0]))
        module(features)
        assert len(inputs) == len(convolutions)
        assert bool(convolutions) == operation.quantized
        for values, convolution in zip(inputs, convolutions, strict=True):
            assert isinstance(convolution, QuantizedConv2d)
            assert convolution.widths == (2, 3)
            assert 2 <= len(values.unique()) <= 2**3
            for channel in convolution.weight_quantizer(convolution.weight):
                assert len(channel.unique()) <= 2**2


@every_operation
def test_gradients_reach_the_input_and_every_parameter(name):
    torch.manual_seed(0)
    operation = Operation.of(name)
    module = Candidate(operation, Widths(4, 4)).fill(fitting(operation)[0], LSQ)
    features = torch.randn(2, 6, 9, 7)
    calibrate(module, lambda: module(features))
    features.requires_grad_()
    module(features).square().sum().backward()
    for tensor in (features, *module.parameters()):
        assert tensor.grad.isfinite().all()
        assert (tensor.grad != 0).any()
