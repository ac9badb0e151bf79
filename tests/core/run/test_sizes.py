import torch
from torch import nn

from qnas.core.components import ConvolutionShape
from qnas.core.run.sizes import size_bytes, total


def shape(path: str, bits: int, repeated: bool = False) -> ConvolutionShape:
    return ConvolutionShape(path, 3, 5, (3, 3), 1, (8, 8), True, bits, bits, repeated)


def test_the_size_is_the_sum_over_all_layers():
    # Two convolutions of 135 weights and 5 biases, and a norm of 5 channels: weight, bias, mean, variance, count.
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    layers = [shape("0", 4), shape("1", 8)]
    weights = (135 * 4 + 135 * 8 + 7) // 8
    assert size_bytes(layers, network) == weights + 4 * (5 + 5 + 4 * 5 + 1)
    assert size_bytes(layers[:1], network[:1]) < size_bytes(layers, network)


def test_a_convolution_that_runs_twice_is_stored_once_but_works_twice():
    once, again = shape("0", 4), shape("0", 4, repeated=True)
    network = nn.Sequential(nn.Conv2d(3, 5, 3))
    assert size_bytes([once, again], network) == size_bytes([once], network) == (135 * 4 + 7) // 8 + 4 * 5
    assert total("params", [once, again]) == sum(p.numel() for p in network.parameters()) == 140
    assert total("macs", [once, again]) == 2 * 135 * 64
    assert total("bitops", [once, again]) == 2 * 135 * 64 * 16
    assert torch.is_tensor(network[0].weight)
