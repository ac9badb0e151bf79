"""The space against the paper: its network in plain PyTorch, and the cost of a Ghost module."""

import pydantic
import pytest
import qnas
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas_ghost.space import GhostModule, GhostSpace


def original(space: GhostSpace, scale: int) -> nn.Module:
    """The network with its native operations, in float."""
    native = qnas.Candidate(qnas.Operation.of("native"), qnas.FLOAT)
    chosen = dict.fromkeys(qnas.find_slots(space.build(scale)), native)
    return qnas.build_found(space, scale, chosen, qnas.Quantizer.of("none"))


def test_it_is_ghostnets_bottleneck_with_the_activation_after_both_parts() -> None:
    """As figure 3 draws it: a Ghost module with ReLU, one without, beside the identity."""
    torch.manual_seed(0)
    space = GhostSpace(channels=6, blocks=1, expansion=3)
    network = original(space, 2)
    weights = network.state_dict()

    def convolve(x: Tensor, slot: str, groups: int = 1) -> Tensor:
        weight, bias = (weights[f"{slot}.operation.{name}"] for name in ("weight", "bias"))
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=groups)

    def ghost_module(x: Tensor, path: str, is_active: bool) -> Tensor:
        made = convolve(x, f"{path}.primary")
        made = made.relu() if is_active else made
        cheap = convolve(made, f"{path}.cheap", groups=made.shape[1])
        return torch.cat([made, cheap.relu() if is_active else cheap], dim=1)

    image = torch.rand(2, 3, 9, 7)
    head = convolve(image, "head")
    wide = ghost_module(head, "blocks.0.body.widen", is_active=True)
    assert wide.shape[1] == 18
    body = ghost_module(wide, "blocks.0.body.narrow", is_active=False) + head
    detail = F.pixel_shuffle(convolve(body + head, "upsample"), 2)
    enlarged = F.interpolate(image, scale_factor=2, mode="bicubic", antialias=True)
    torch.testing.assert_close(network(image), weights["gain"] * detail + enlarged)


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_a_ghost_module_costs_what_equation_4_says(ratio: int) -> None:
    """``n/s h w c k k + (s - 1) n/s h w d d``: here c = 8, n = 12, k = 1, d = 3."""
    with torch.device("meta"):
        module = GhostModule(8, 12, ratio, before="none", between="relu")
        for name, slot in qnas.find_slots(module).items():
            filled = qnas.Candidate(qnas.Operation.of("native"), qnas.FLOAT).fill(slot, qnas.Quantizer.of("none"))
            module.set_submodule(name, filled)
    counted = sum(shape.macs for shape in qnas.convolutions(module, 8, (5, 7)))
    assert counted == 12 // ratio * 5 * 7 * 8 + (ratio - 1) * 12 // ratio * 5 * 7 * 3 * 3


def test_channels_that_the_ratio_does_not_divide_are_rejected() -> None:
    with pytest.raises(pydantic.ValidationError, match="must be a multiple of the ratio 4"):
        GhostSpace(channels=10, ratio=4)
