"""Statistics over whole images: measured, followed in training, frozen."""

import pytest
import torch
from torch import nn

from qnas.core.components import ImageStatistic, freeze_statistics, measuring


class Brightness(ImageStatistic):
    def measure(self, features):
        return features.mean(dim=(2, 3))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Brightness(3)
        self.blocks = nn.ModuleList([Brightness(3), nn.Conv2d(3, 3, 1)])

    def forward(self, image):
        return self.first(image) + self.blocks[0](2 * image)


def test_it_is_what_is_measured_and_differentiable():
    image = torch.rand(2, 3, 4, 5, requires_grad=True)
    measured = Brightness(3).eval()(image)
    torch.testing.assert_close(measured, image.mean(dim=(2, 3)))
    measured.sum().backward()
    assert image.grad.abs().sum() > 0


def test_the_mean_follows_in_training_only():
    statistic, image = Brightness(3), torch.full((2, 3, 4, 4), 5.0)
    image[1] = 7.0
    statistic.eval()(image)
    assert statistic.mean.tolist() == [1, 1, 1]
    statistic.train()(image)
    torch.testing.assert_close(statistic.mean, torch.full((3,), 0.9 * 1 + 0.1 * 6))
    for _ in range(200):
        statistic(image)
    torch.testing.assert_close(statistic.mean, torch.full((3,), 6.0))


def test_the_mean_is_kept_with_the_network_and_missing_it_is_an_error():
    network = Net()
    state = network.state_dict()
    assert {"first.mean", "blocks.0.mean"} <= set(state)
    del state["first.mean"]
    with pytest.raises(RuntimeError, match=r"first\.mean"):
        network.load_state_dict(state)


def test_frozen_it_is_the_mean_whatever_the_image():
    network = Net().eval()
    network.first.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    network.blocks[0].mean.fill_(10.0)
    assert measuring(network) == ["first", "blocks.0"]
    assert freeze_statistics(network) == ["first", "blocks.0"]
    assert measuring(network) == freeze_statistics(network) == []
    for image in (torch.rand(2, 3, 4, 4), torch.full((2, 3, 8, 8), torch.nan)):
        assert network(image).tolist() == [[11, 12, 13]]


def test_frozen_it_stays_as_it_is_in_training():
    network = Net().train()
    freeze_statistics(network)
    network(torch.rand(2, 3, 4, 4))
    assert network.first.mean.tolist() == [1, 1, 1]


def test_reduced_precision_comes_in_and_out_and_the_mean_stays_float32():
    statistic = Brightness(3).train()
    assert statistic(torch.rand(2, 3, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    freeze_statistics(statistic)
    assert statistic(torch.rand(2, 3, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert statistic.mean.dtype == torch.float32
