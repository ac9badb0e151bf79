import pytest
import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer, Space
from qnas.core.deploy.lowering import capture, lower, with_integers
from qnas.core.errors import InputError
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate_for_training

SPACES = (
    {"name": "basic", "channels": 6, "cells": 1, "image_residual": "bicubic", "bits": [[2, 4], 8]},
    {"name": "skeleton", "channels": 8, "body": ["rfdb"], "bits": [3, 6]},
    {"name": "span", "channels": 6, "blocks": 2, "bits": [4, 8]},
    {"name": "xlsr", "channels": 8, "beside": 4, "blocks": 1, "bits": [4, 8]},
)


def found(space: Space, scale: int = 2, quantizer: str = "lsq") -> nn.Module:
    """A network of the space with each slot's last candidate, calibrated."""
    torch.manual_seed(0)
    choices = {path: candidates[-1] for path, candidates in slot_candidates(space, scale).items()}
    network = build_found(space, scale, choices, Quantizer.of(quantizer))
    calibrate_for_training(network, lambda: network(torch.rand(2, 3, 24, 24)))
    return network.eval()


@pytest.mark.parametrize("fields", SPACES, ids=lambda fields: fields["name"])
def test_a_network_with_integers_gives_the_same_images(fields: dict[str, object]) -> None:
    network = found(Space.of(fields))
    before, image = network.state_dict(), torch.rand(1, 3, 21, 23)
    with torch.no_grad():
        torch.testing.assert_close(with_integers(network)(image), network(image), atol=2e-3, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_lowered_network_takes_any_size() -> None:
    network = found(Space.of(SPACES[0]))
    lowered = lower(network)
    assert lowered.size is None
    assert lowered.integer == lowered.total > 0
    operators = {str(node.target) for node in lowered.program.graph.nodes if node.op == "call_function"}
    for name in ("quantize_per_tensor", "dequantize_per_tensor", "dequantize_per_channel"):
        assert f"quantized_decomposed.{name}.default" in operators
    for size in ((17, 31), (40, 8)):
        image = torch.rand(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(lowered.program.module()(image), network(image), atol=2e-3, rtol=0)


def test_the_smallest_size_is_known() -> None:
    assert lower(found(Space.of(SPACES[1]))).smallest == [15, 15]
    assert lower(found(Space.of(SPACES[1])), (20, 22)).smallest == [20, 22]


def test_a_network_in_float_is_refused() -> None:
    with pytest.raises(InputError, match="in float"):
        lower(found(Space.of(SPACES[0]), quantizer="none"))


def test_the_path_of_what_has_no_grid_is_named() -> None:
    with pytest.raises(InputError, match=r"'head\.0\.activation' has no integer form: .*no integer grid"):
        lower(found(Space.of(SPACES[0]), quantizer="noise"))


class OnlyEven(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        if image.shape[2] % 2:
            raise ValueError("odd")
        return image


class Branching(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image * 2 if image.mean() > 0.5 else image


def test_a_network_that_takes_some_sizes_only_asks_for_one() -> None:
    with pytest.raises(InputError, match=r"name one .--size 256x256, or .name: NAME, size: 256x256. in a spec."):
        capture(OnlyEven(), None)
    assert capture(OnlyEven(), (8, 8))


def test_what_pytorch_cannot_capture_is_refused_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"torch\.export can't capture the network: .+") as raised:
        capture(Branching(), None)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
