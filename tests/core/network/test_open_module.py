"""Opening the convolutions of a third-party network."""

import copy
import itertools

import pytest
import torch
from torch import nn

from qnas.core.components import Operation, Quantizer
from qnas.core.network import Candidate, MergedSlot, Slot, fill, find_slots, grid
from qnas.core.network.convolution import QuantizedConv2d
from qnas.core.network.open_module import open_slots, survey
from qnas.core.settings import FLOAT, Widths
from qnas.spaces.foreign.meta import to_meta

NONE, LSQ = Quantizer.of("none"), Quantizer.of("lsq")
NATIVE = Operation.of("native")
CONVOLUTIONS = [
    {"kernel_size": k, "padding": p, "dilation": d, "stride": s, "groups": g, "bias": b, "padding_mode": m}
    for (k, p, d), s, g, b, m in itertools.chain(
        itertools.product(
            [(3, 1, 1), (3, 0, 1), ((3, 5), (1, 2), 1), (3, 2, 2), ((1, 2), (0, 1), 1), (3, 0, (1, 2)), (5, 3, 1)],
            [1, 2],
            [1, 2],
            [True, False],
            ["zeros", "reflect"],
        ),
        [((3, 1, 1), 1, 4, True, mode) for mode in ("replicate", "circular")],
        [((3, "same", 2), 1, 1, True, "zeros"), ((3, "valid", 1), 2, 1, True, "zeros")],
    )
]


def surveyed(network, *patterns):
    return survey(network.to("meta"), patterns or ("*",))


def opened(network, *patterns, keep_weights=True):
    """``network`` with slots, which stays on the CPU."""
    signed = surveyed(copy.deepcopy(network), *patterns).signed
    return open_slots(network, signed, "convolution", keep_weights=keep_weights)


def natively(network, widths=FLOAT, quantizer=NONE):
    return fill(network, lambda _, shape: Candidate(NATIVE, widths).fill(shape, quantizer))


@pytest.mark.parametrize("arguments", CONVOLUTIONS, ids=lambda a: "-".join(map(str, a.values())))
def test_a_convolution_of_any_kind_is_the_same_once_opened_and_filled_natively(arguments):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, **arguments)).eval()
    image = torch.rand(2, 3, 11, 8)
    expected = network(image).detach()
    torch.testing.assert_close(natively(opened(network))(image), expected, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("bias", [True, False])
def test_other_candidates_pad_as_the_original_and_merge_exactly(mode, bias):
    torch.manual_seed(0)
    network = opened(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, padding_mode=mode, bias=bias)))
    shape = network[0].shape
    slot = MergedSlot(shape, grid([NATIVE, Operation.of("conv5x5"), Operation.of("conv3x3g3")], [FLOAT]), NONE).eval()
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    slot.probabilities = probabilities
    image = torch.rand(1, 3, 7, 9)
    assert len(slot.merged) == 3
    expected = sum(
        p * nn.Conv2d.forward(candidate, image) for p, candidate in zip(probabilities, slot.operations, strict=True)
    )
    torch.testing.assert_close(slot(image), expected, rtol=1e-5, atol=1e-6)
    assert {candidate.padding_mode for candidate in slot.operations} == {mode}


def test_a_convolution_that_changes_the_size_runs_beside_the_merged_ones():
    network = opened(nn.Sequential(nn.Conv2d(3, 6, 3)))
    slot = MergedSlot(network[0].shape, grid([NATIVE], [FLOAT]), NONE)
    assert slot.merged == []
    assert slot(torch.rand(1, 3, 7, 9)).shape == (1, 6, 5, 7)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.leak = nn.LeakyReLU()
        self.third = nn.Conv2d(4, 4, (1, 3), stride=(1, 2), padding=(0, 1))
        self.up = nn.ConvTranspose2d(4, 4, 2, 2)
        self.shared = nn.Conv2d(4, 4, 1)
        self.again = self.shared
        self.weighted = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1))
        self.unused = nn.Conv2d(4, 4, 1)
        self.even = nn.Conv2d(4, 3, 2, padding="same")

    def forward(self, x):
        x = self.second(self.act(self.first(x)))
        x = self.up(self.third(self.leak(x)))
        x = self.again(torch.sigmoid(self.shared(x.abs())))
        return self.even(self.weighted(x))


def test_a_survey_says_what_can_be_opened_what_is_left_and_why():
    found = surveyed(Net())
    # The image, absolute values and the outputs of a ReLU and of a sigmoid are never negative.
    assert found.signed == {"first": False, "second": False, "shared": False}
    assert found.left == {
        "third": "its stride is (1, 2)",
        "up": "it is a transposed convolution",
        "weighted": "it is a ParametrizedConv2d, not a plain convolution",
        "unused": "the network does not run it as a module",
        "even": "its 'same' padding is not the same on both sides",
    }
    assert {mode: output.shape for mode, output in found.outputs.items()} == {
        "evaluation": (1, 3, 64, 32),
        "training": (2, 3, 64, 32),
    }


def test_a_shared_convolution_that_once_reads_negative_values_is_signed():
    conv = nn.Conv2d(3, 3, 1)
    assert surveyed(nn.Sequential(conv, conv)).signed == {"0": True}


def test_only_what_matches_is_opened():
    assert surveyed(Net(), "first", "sh*").signed.keys() == {"first", "shared"}
    network = opened(Net(), "first", "sh*")
    assert list(find_slots(network)) == ["first", "shared"]
    assert isinstance(network.second, nn.Conv2d)


def test_a_shared_convolution_becomes_one_slot():
    network = opened(Net())
    assert isinstance(network.shared, Slot)
    assert network.again is network.shared
    filled = natively(network)
    assert filled.again is filled.shared


def test_a_subclass_with_its_own_forward_is_left_alone():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    assert surveyed(nn.Sequential(Doubled(3, 3, 1))).left == {"0": "it is a Doubled, not a plain convolution"}


def test_weights_are_taken_over_or_not():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    kept = natively(opened(nn.Sequential(convolution)), Widths(4, 8), LSQ)[0].operation
    assert isinstance(kept, QuantizedConv2d)
    assert torch.equal(kept.weight, convolution.weight)
    assert torch.equal(kept.bias, convolution.bias)
    anew = natively(opened(nn.Sequential(convolution), keep_weights=False))[0].operation
    assert not torch.equal(anew.weight, convolution.weight)
    assert not anew.bias.any()


def test_the_quantizer_is_set_up_for_the_weights_taken_over():
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    nn.init.constant_(convolution.weight, 70.0)
    kept = natively(opened(nn.Sequential(convolution)), Widths(4, 4), LSQ)[0].operation
    torch.testing.assert_close(kept.weight_quantizer(kept.weight), kept.weight)


def test_the_supernet_starts_from_the_weights_too():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    candidates = grid([Operation.of("conv1x1"), NATIVE], [FLOAT, Widths(4, 4)])
    network = fill(opened(nn.Sequential(convolution)), lambda _, shape: MergedSlot(shape, candidates, LSQ))
    assert torch.equal(network[0].operations[1].weight, convolution.weight)


def test_frozen_convolutions_and_those_that_share_weights_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 3, 1).requires_grad_(False), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    network.append(nn.Conv2d(3, 3, 1))
    network[2].weight = network[1].weight
    found = survey(to_meta(network), ("*",))
    assert found.left == {
        "0": "its weights are frozen",
        "1": "it shares its weights with another",
        "2": "it shares its weights with another",
    }
    assert list(found.signed) == ["3"]


def test_an_image_that_is_changed_in_place_may_be_negative():
    class Centred(nn.Sequential):
        def forward(self, x):
            x -= 0.5
            return super().forward(x)

    assert surveyed(Centred(nn.Conv2d(3, 3, 1))).signed == {"0": True}


def test_a_subclass_that_convolves_in_its_own_way_is_left_alone():
    class Standardised(nn.Conv2d):
        def _conv_forward(self, x, weight, bias):
            return super()._conv_forward(x, weight - weight.mean(), bias)

    assert surveyed(nn.Sequential(Standardised(3, 3, 1))).left == {"0": "it is a Standardised, not a plain convolution"}


def test_patterns_that_match_nothing_are_reported():
    assert surveyed(nn.Sequential(nn.Conv2d(3, 3, 1)), "0", "1", "body.*").unmatched == ["1", "body.*"]
