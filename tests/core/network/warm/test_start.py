from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch
from torch import nn

from qnas.core.components import Operation, Quantizer, Space
from qnas.core.network import Candidate, Slot, Supernet, build_found
from qnas.core.network.warm import fitting, start
from qnas.core.network.warm.start import is_warm, warm_start
from qnas.core.settings import Widths

OPERATIONS = ("native", "conv5x5", "separable3x3", "conv1x1")


class Warm(Space):
    """Two slots with weights; others start from them."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": OPERATIONS}
    fits: bool = True

    def build(self, scale: int) -> nn.Module:
        random = torch.Generator().manual_seed(7)
        sizes = ((3, 6), (6, 3 * scale**2))
        weights = [{"weight": torch.randn(o, i, 3, 3, generator=random), "bias": torch.ones(o)} for i, o in sizes]
        slots = [
            Slot("body", *size, activation=activation, signed=False, weights=given, fits_others=self.fits)
            for size, activation, given in zip(sizes, ("none", "relu"), weights, strict=True)
        ]
        return nn.Sequential(slots[0], nn.Dropout(), slots[1], nn.PixelShuffle(scale))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(fitting, "_STEPS", 4)
    monkeypatch.setattr(start, "_STEPS", 4)


IMAGES = [torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(i)) for i in range(2)]


def supernet(**fields):
    torch.manual_seed(3)
    return Supernet(Warm(name="basic", bits=(8,), **fields), 2, Quantizer.of("noise"))


def test_larger_kernels_are_exact_in_the_merged_supernet_and_others_come_closer():
    warm, image = supernet(), IMAGES[0]
    cold = supernet()
    errors = warm_start(warm.network, IMAGES)
    assert list(errors) == ["0", "2"]
    for of_slot in errors.values():
        assert list(of_slot) == list(OPERATIONS)
        assert of_slot["native"] == of_slot["conv5x5"] == 0 < of_slot["separable3x3"] < of_slot["conv1x1"] < 1
    rows = torch.eye(4).unsqueeze(1).expand(4, 2, 4)
    native, large, *_ = (warm.eval()(image, row) for row in rows)
    assert torch.allclose(native, large, atol=1e-5)
    mean = torch.full((2, 4), 0.25)
    distance = [(net.eval()(image, mean) - native).square().mean().item() for net in (warm, cold)]
    assert distance[0] < 0.2 * distance[1]


def test_it_repeats_itself_and_leaves_generators_modes_and_the_rest_alone():
    one, other = supernet(), supernet()
    one.network[1].eval()
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    warm_start(one.network, IMAGES)
    assert torch.equal(torch.rand(1), before)
    warm_start(other.network, IMAGES)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert one.network.training and not one.network[1].training
    assert [type(part) for part in one.network] == [type(part) for part in supernet().network]


def test_it_is_done_once_and_only_where_a_slot_asks_for_it():
    network = supernet().network
    assert is_warm(network)
    warm_start(network, IMAGES)
    assert not is_warm(network) and not warm_start(network, IMAGES)
    assert not is_warm(supernet(fits=False).network)


def test_a_network_of_single_candidates_starts_from_there_too():
    space = Warm(name="basic", bits=(8,))
    chosen = {path: Candidate(Operation.of("conv1x1"), Widths(8, 8)) for path in ("0", "2")}
    network = build_found(space, 2, chosen, Quantizer.of("lsq"))
    reports = []
    errors = warm_start(network, IMAGES, lambda *progress: reports.append(progress))
    assert reports[0] == (0, 6) and reports[-1] == (6, 6)
    assert all(0 < error < 1 for of_slot in errors.values() for error in of_slot.values())
    layer = network[0].operation
    step = layer.weight_quantizer.grid().step.flatten()
    assert torch.all(step * 128 >= layer.weight.abs().amax((1, 2, 3)) * 0.5)  # the quantizer knows the new weights
