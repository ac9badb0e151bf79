"""Statistics of a network, which are not parameters, may break too."""

import math

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer
from qnas.core.training.divergence import Diverged, refuse_diverged


def normalized() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3))


def refused(network: nn.Module, *losses: float) -> str:
    with pytest.raises(Diverged) as caught:
        refuse_diverged([torch.tensor(loss) for loss in losses], 3, network, "float32")
    return str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_running_statistics_that_broke_are_found_though_weights_and_loss_are_finite(value):
    network = normalized()
    refuse_diverged([torch.tensor(0.5)], 3, network, "float32")
    network[1].running_var[2] = value
    assert refused(network, 0.5) == (
        "the statistics that the network keeps are not finite after step 3: it began at 1.running_var;"
        " lower the learning rate"
    )


def test_they_are_found_where_a_batch_breaks_them():
    network = normalized()
    network(torch.full((2, 3, 8, 8), math.inf))
    assert "it began at 1.running_mean" in refused(network)


def test_the_measured_scale_of_a_quantizer_is_looked_at():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), Quantizer.of("hwgq").fake_quantizer(4, signed=True))
    refuse_diverged([], 3, network, "float32")
    network[1].scale.fill_(math.nan)
    assert "it began at scale of the quantizer 1" in refused(network)


def test_a_weight_is_named_before_the_statistics_that_it_broke():
    network = normalized()
    network[1].running_mean.fill_(math.nan)
    with torch.no_grad():
        network[2].weight[0] = math.nan
    assert "the weights are not finite after step 3: it began at 2.weight" in refused(network)


def test_where_all_weights_are_broken_nothing_tells_the_first():
    network = normalized()
    network[1].running_mean.fill_(math.nan)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(math.nan)
    assert refused(network, math.nan) == "the loss is nan at step 3: lower the learning rate"


def test_what_is_no_part_of_the_state_may_be_infinite():
    network = normalized()
    network.register_buffer("limits", torch.tensor([-math.inf, math.inf]), persistent=False)
    network.register_buffer("nothing", torch.zeros(0))
    refuse_diverged([], 3, network, "float32")
