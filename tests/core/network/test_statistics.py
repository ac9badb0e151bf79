"""Running statistics: estimated anew, they are the average over the batches, and nothing else changes."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from qnas.core.components import ImageStatistic, freeze_statistics
from qnas.core.network.statistics import BATCHES, reestimate, statistics_kept

CENTRES = [0.5 * k for k in range(BATCHES)]
SIZES = [1.0 + k for k in range(BATCHES)]
_VALUES = 4 * 6 * 8  # of a channel in a batch


def checkerboard(centre: float, size: float) -> Tensor:
    """(4, 3, 6, 8) of ``centre + size`` and ``centre - size``; twice and three times that in the other channels."""
    signs = (torch.arange(48).view(6, 8) + torch.arange(6)[:, None]) % 2 * 2.0 - 1
    return (centre + size * signs) * torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1).expand(4, 3, 1, 1)


def batches() -> Callable[[], Tensor]:
    return iter([checkerboard(*values) for values in zip(CENTRES, SIZES, strict=True)]).__next__


MEANS = torch.tensor([1.0, 2.0, 3.0]) * sum(CENTRES) / BATCHES
SQUARES = torch.tensor([1.0, 4.0, 9.0]) * sum(size**2 for size in SIZES) / BATCHES


class Brightness(ImageStatistic):
    def measure(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class Beside(nn.Module):
    """Passes its input to each of its modules."""

    def __init__(self, *inside: nn.Module) -> None:
        super().__init__()
        self.inside = nn.ModuleList(inside)

    def forward(self, image: Tensor) -> Tensor:
        for module in self.inside:
            module(image)
        return image


class Own(nn.BatchNorm2d):
    """A third-party norm that does not know ``momentum=None``."""

    def forward(self, image: Tensor) -> Tensor:
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * image.mean(dim=(0, 2, 3)))
            self.running_var.mul_(1 - self.momentum).add_(self.momentum * image.var(dim=(0, 2, 3)))
        return image


def nothing() -> None:
    """Nothing has to be set up."""


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.01, None])
def test_batch_norm_has_the_mean_and_the_variance_that_are_known_by_hand(momentum, mode):
    norm = nn.BatchNorm2d(3, momentum=momentum)
    norm.running_mean.fill_(math.nan)  # whatever it was before
    norm.running_var.fill_(math.inf)
    network = Beside(norm).train(mode)
    reestimate(network, batches(), nothing)
    torch.testing.assert_close(norm.running_mean, MEANS)
    torch.testing.assert_close(norm.running_var, SQUARES * _VALUES / (_VALUES - 1))
    assert (norm.momentum, norm.training, network.training) == (momentum, mode, mode)


def test_every_kind_of_statistic_is_the_average():
    instance = nn.InstanceNorm2d(3, track_running_stats=True)
    own, brightness, again = Own(3), Brightness(3), nn.BatchNorm2d(3)
    reestimate(Beside(instance, own, brightness, again, again), batches(), nothing)
    torch.testing.assert_close(instance.running_mean, MEANS)
    torch.testing.assert_close(instance.running_var, SQUARES * 48 / 47)  # of each image alone
    torch.testing.assert_close(own.running_mean, MEANS)
    torch.testing.assert_close(own.running_var, SQUARES * _VALUES / (_VALUES - 1))
    torch.testing.assert_close(brightness.mean, MEANS)
    torch.testing.assert_close(again.running_mean, MEANS)  # though everything passes through it twice
    assert (instance.momentum, own.momentum, brightness.momentum) == (0.1, 0.1, 0.1)


class Frozen(nn.BatchNorm2d):
    """Stays in evaluation mode."""

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)


def test_what_does_not_move_in_training_stays():
    unused = nn.BatchNorm2d(3)
    frozen, brightness, without = Frozen(3), Brightness(3), nn.BatchNorm2d(3, track_running_stats=False)
    freeze_statistics(brightness)
    network = Beside(frozen, brightness, without, nn.BatchNorm2d(3))
    network.unused = unused
    for norm in (frozen, unused):
        norm.running_mean.fill_(7.0)
    brightness.mean.fill_(7.0)
    reestimate(network, batches(), nothing)
    for kept in (frozen.running_mean, unused.running_mean, brightness.mean):
        assert kept.tolist() == [7, 7, 7]
    assert unused.momentum == 0.1


class Drifting(nn.Module):
    """Counts in training mode, and draws."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(0))

    def forward(self, image: Tensor) -> Tensor:
        self.count += self.training
        return image + torch.rand(()) * 0


def test_nothing_else_moves():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1),
        nn.Dropout(0.9),
        nn.BatchNorm2d(3),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 3, 1)),
        Drifting(),
    )
    network[1].eval()
    moving = {"2.running_mean", "2.running_var", "2.num_batches_tracked"}
    before, modes = {k: v.clone() for k, v in network.state_dict().items()}, [m.training for m in network.modules()]
    drawn = torch.get_rng_state()
    reestimate(network, batches(), nothing)
    assert {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])} == moving
    assert [m.training for m in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    # With dropout, the variance would be far larger.
    expected = torch.stack([network[0](image).mean(dim=(0, 2, 3)) for image in map(checkerboard, CENTRES, SIZES)])
    torch.testing.assert_close(network[2].running_mean, expected.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_where_there_is_no_statistic_nothing_is_drawn_or_set_up():
    def never() -> Tensor:
        raise AssertionError("it costs")

    for network in (nn.Conv2d(3, 3, 1), Beside(nn.BatchNorm2d(3, track_running_stats=False)), Beside(Frozen(3))):
        reestimate(network, never, never)


def test_modes_and_momenta_come_back_where_the_network_fails():
    norm = nn.BatchNorm2d(3)
    with pytest.raises(StopIteration):
        reestimate(Beside(norm).eval(), iter([checkerboard(0, 1)]).__next__, nothing)
    assert (norm.momentum, norm.training, len(norm._forward_pre_hooks)) == (0.1, False, 0)


def test_kept_statistics_are_afterwards_what_they_were():
    network = Beside(nn.BatchNorm2d(3), Brightness(3), nn.InstanceNorm2d(3, track_running_stats=True))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with statistics_kept(network):
        network(checkerboard(3.0, 2.0))
        assert not torch.equal(network.state_dict()["inside.0.running_mean"], before["inside.0.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
