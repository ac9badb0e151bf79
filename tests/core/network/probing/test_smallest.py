"""What is said of an image that is too small for a network."""

import pytest
import torch
from torch import nn

from qnas.core.deploy.lowering import capture, refuse_unfit_size
from qnas.core.errors import InputError
from qnas.core.network.probing.smallest import refusal, smallest_side, too_small

CPU = torch.device("cpu")
TEXT = "60 x 2 (width x height) is too small for this network, which needs at least 3 x 3"


class Stubborn(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        raise ValueError("not today\nnor tomorrow")


def reflecting() -> nn.Module:
    """Reflection by two pixels needs three."""
    return nn.Conv2d(3, 3, 5, padding=2, padding_mode="reflect").eval()


def test_the_least_side_is_what_reflection_needs() -> None:
    assert smallest_side(reflecting(), CPU) == 3
    assert smallest_side(Stubborn(), CPU) is None


def test_upscale_export_and_bench_say_the_same() -> None:
    network = reflecting()
    assert too_small(network, (2, 60), CPU) == refusal(network, (2, 60), CPU, ValueError("other")) == TEXT
    for refuse in (capture, refuse_unfit_size):
        with pytest.raises(InputError) as raised:
            refuse(network, (2, 60))
        assert str(raised.value) == TEXT
    refuse_unfit_size(network, (3, 3))


def test_another_failure_is_told_as_it_is() -> None:
    said = refusal(reflecting(), (20, 30), CPU, ValueError("not today\nnor tomorrow"))
    assert said == "the network fails on an image of 30 x 20 (width x height): ValueError: not today"
    assert too_small(Stubborn(), (20, 30), CPU) == ""
