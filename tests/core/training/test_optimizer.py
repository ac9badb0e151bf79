"""The optimizer's groups, and learning rates of their own."""

import copy

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer, Residual
from qnas.core.network import Gain
from qnas.core.training.optimizer import OwnRates, adam

SCALARS = {"0.slope", "0.offset", "2.value"}
STEPS = {"0.body.1.log_step"}


def network() -> nn.Sequential:
    """ADQ around a convolution and a quantizer, single channels that are no scalars, and a gain."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 1, 1), Quantizer.of("lsq").fake_quantizer(4, signed=True))
    return nn.Sequential(Residual.of("adq").wrap(body, 1), nn.GroupNorm(1, 1), Gain())


def after_a_step(made: nn.Module, own: OwnRates) -> dict[str, torch.Tensor]:
    """How far each parameter moved."""
    made = copy.deepcopy(made)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    optimizer = adam(made, 1e-3, weight_decay=1e-4, own=own)
    image = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    (made(image) + 0.5).square().sum().backward()
    optimizer.step()
    return {name: p.detach() - before[name] for name, p in made.named_parameters()}


def names_of(made: nn.Module, group: dict[str, list[nn.Parameter]]) -> set[str]:
    return {name for name, p in made.named_parameters() for q in group["params"] if p is q}


def test_without_own_rates_the_groups_are_weights_and_steps_at_one_rate():
    made = network()
    weights, steps = adam(made, 1e-3, weight_decay=0.1).param_groups
    assert names_of(made, steps) == STEPS
    assert names_of(made, weights) == {name for name, _ in made.named_parameters()} - STEPS
    assert (weights["lr"], steps["lr"]) == (1e-3, 1e-3)
    assert (weights["weight_decay"], steps["weight_decay"]) == (0.1, 0)


@pytest.mark.parametrize(
    ("own", "moved"),
    [(OwnRates(scalars=3e-2), SCALARS), (OwnRates(steps=3e-2), STEPS), (OwnRates(3e-2, 3e-2), SCALARS | STEPS)],
)
def test_what_has_its_own_rate_moves_faster_and_all_else_to_the_bit_as_before(own, moved):
    made = network()
    made[2].value.data.fill_(0.3)  # through a gain of zero there is no gradient
    plain, own_rates = after_a_step(made, OwnRates()), after_a_step(made, own)
    for name, distance in own_rates.items():
        assert plain[name].abs().sum() > 0, name
        if name in moved:
            torch.testing.assert_close(distance, 30 * plain[name], rtol=1e-2, atol=0)
        else:
            assert torch.equal(distance, plain[name]), name


def test_a_parameter_that_is_left_out_is_in_no_group():
    made = network()
    optimizer = adam(made, 1e-3, but=made[0].slope, own=OwnRates(scalars=0.1))
    assert all(p is not made[0].slope for group in optimizer.param_groups for p in group["params"])


def test_scalars_decay_as_the_weights_do():
    *_, scalars = adam(network(), 1e-3, weight_decay=0.1, own=OwnRates(scalars=0.1)).param_groups
    assert scalars["weight_decay"] == 0.1
