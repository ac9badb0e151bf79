import numpy as np
import pytest
import torch

from qnas.quantizers.statistics import deviation, largest

SCALAR, PER_CHANNEL = torch.ones(()), torch.ones(3, 1, 1, 1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_largest_is_of_the_whole_or_of_each_channel(layout):
    tensor = torch.randn(3, 4, 5, 5).to(memory_format=layout)
    assert largest(tensor, SCALAR).item() == np.abs(tensor.numpy()).max()
    by_channel = largest(tensor, PER_CHANNEL)
    assert by_channel.shape == PER_CHANNEL.shape
    assert by_channel.flatten().tolist() == [np.abs(channel.numpy()).max() for channel in tensor]


@pytest.mark.parametrize("size", [0.01, 3.0])
def test_deviation_is_that_of_the_normal_distribution_before_and_after_a_relu(size):
    tensor = torch.randn(3, 8, 60, 60, generator=torch.Generator().manual_seed(0)) * size
    assert deviation(tensor, SCALAR, signed=True).item() == pytest.approx(size, rel=0.01)
    assert deviation(tensor.relu(), SCALAR, signed=False).item() == pytest.approx(size, rel=0.01)
    assert deviation(tensor, PER_CHANNEL, signed=True).flatten().tolist() == pytest.approx([size] * 3, rel=0.02)


def test_deviation_of_zeros_is_zero():
    assert deviation(torch.zeros(2, 2, 3, 3), SCALAR, signed=False) == 0
